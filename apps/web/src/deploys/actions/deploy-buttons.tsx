import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import type { DeployView } from "@valet/contracts";
import type { DeployActionName } from "@valet/shared";
import { Button } from "@valet/ui";
import { useId, useState } from "react";
import { useApp } from "../../app-context.tsx";
import { ReasonDialog } from "../../lists/reason-dialog.tsx";
import { useMay, useMe } from "../../me.ts";
import { keys } from "../../query-keys.ts";
import { deployActionLooks } from "./action-looks.ts";
import { offeredActions } from "./offered-actions.ts";

/** The buttons that make sense now, each with a question before it; one that this person may not press says why. */
export function DeployButtons(props: { deploy: DeployView }) {
  const { deploy } = props;
  const { api } = useApp();
  const queryClient = useQueryClient();
  const navigate = useNavigate();
  const mayAct = useMay("pauseDeploy");
  const me = useMe().data;
  const whyNotId = useId();
  const [asked, setAsked] = useState<DeployActionName | null>(null);
  const act = useMutation({
    mutationFn: ({ action, reason }: { action: DeployActionName; reason: string }) =>
      api[deployActionLooks[action].call]({ params: { id: deploy.id }, body: { reason } }),
    onSuccess: (next) => {
      queryClient.setQueryData(keys.deploy(next.id), next);
      void queryClient.invalidateQueries({ queryKey: keys.deploys });
      setAsked(null);
      // The rollback of a completed deploy is a deploy of its own: go and watch that one.
      if (next.id !== deploy.id) void navigate({ to: "/deploys/$deployId", params: { deployId: next.id } });
    },
    onError: () => void queryClient.invalidateQueries({ queryKey: keys.deploy(deploy.id) }),
  });
  const actions = mayAct ? offeredActions(deploy, me) : [];
  const whyNot = actions.find((one) => one.whyNot !== null)?.whyNot ?? null;
  if (actions.length === 0 && asked === null) return null;
  const look = asked === null ? null : deployActionLooks[asked];
  return (
    <div role="group" aria-label="What can be done with this deploy" className="flex flex-wrap gap-2 sm:justify-end">
      {actions.map(({ action, whyNot: reason }) => (
        <Button
          key={action}
          kind={deployActionLooks[action].kind}
          disabled={reason !== null}
          aria-describedby={reason === null ? undefined : whyNotId}
          onClick={() => {
            act.reset();
            setAsked(action);
          }}
        >
          {deployActionLooks[action].verb}
        </Button>
      ))}
      {whyNot === null ? null : (
        <p id={whyNotId} className="w-full text-xs text-muted sm:text-right">
          {whyNot}
        </p>
      )}
      {look === null || asked === null ? null : (
        <ReasonDialog
          title={`${look.verb} ${deploy.imageTag} on ${deploy.environment}?`}
          explanation={look.explain(deploy)}
          verb={look.verb}
          isDangerous={look.kind === "danger"}
          isBusy={act.isPending}
          error={act.error}
          onConfirm={(reason) => act.mutate({ action: asked, reason })}
          onClose={() => setAsked(null)}
        />
      )}
    </div>
  );
}
