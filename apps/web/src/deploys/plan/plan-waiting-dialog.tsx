import { useMutation, useQueryClient } from "@tanstack/react-query";
import type { DeployView } from "@valet/contracts";
import { Button, Dialog, ErrorState } from "@valet/ui";
import { useEffect } from "react";
import { useApp } from "../../app-context.tsx";
import { failureWords } from "../../failure.ts";
import { useMay } from "../../me.ts";
import { keys } from "../../query-keys.ts";
import { PlanView } from "./plan-view.tsx";
import { isPlanMoved, usePlan } from "./use-plan.ts";

/** What a deploy that has not begun would do now; one that awaits its trigger can be triggered to do exactly that. */
export function PlanWaitingDialog(props: { deploy: DeployView; onClose: () => void }) {
  const { deploy, onClose } = props;
  const { api } = useApp();
  const queryClient = useQueryClient();
  const mayTrigger = useMay("triggerDeploy") && deploy.state === "awaiting_trigger";
  const { mutate, reset, data, error, isPending } = usePlan();
  const trigger = useMutation({
    mutationFn: (planRevision: string) => api.triggerDeploy({ params: { id: deploy.id }, body: { planRevision } }),
    onSuccess: (next) => {
      queryClient.setQueryData(keys.deploy(next.id), next);
      void queryClient.invalidateQueries({ queryKey: keys.deploys });
      onClose();
    },
  });
  useEffect(() => mutate({ deployId: deploy.id }), [mutate, deploy.id]);
  const planAgain = () => {
    trigger.reset();
    reset();
    mutate({ deployId: deploy.id });
  };
  const refused = error ?? trigger.error;
  return (
    <Dialog title={`Plan of ${deploy.imageTag} to ${deploy.environment}`} onClose={onClose} wide>
      {isPending ? <p role="status">Planning…</p> : null}
      {data === undefined ? null : <PlanView plan={data} />}
      <div className="sticky bottom-0 -mx-5 mt-4 -mb-5 flex flex-wrap justify-end gap-2 bg-surface px-5 pt-3 pb-5">
        {refused ? (
          <div className="w-full">
            <ErrorState
              what={
                isPlanMoved(refused) ? "The plan has moved" : error ? "It could not be planned" : "Trigger was refused"
              }
              why={failureWords(refused)}
              stale
            />
          </div>
        ) : null}
        <Button onClick={onClose}>Close</Button>
        <Button busy={isPending} onClick={planAgain}>
          Plan again
        </Button>
        {mayTrigger && data !== undefined ? (
          <Button
            kind="primary"
            busy={trigger.isPending}
            disabled={isPlanMoved(trigger.error)}
            onClick={() => trigger.mutate(data.revision)}
          >
            Trigger this plan
          </Button>
        ) : null}
      </div>
    </Dialog>
  );
}
