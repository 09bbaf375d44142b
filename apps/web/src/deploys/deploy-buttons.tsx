import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import type { ApiClient, DeployView } from "@valet/contracts";
import { deployActionsFor, type DeployActionName } from "@valet/shared";
import { Button, type ButtonKind } from "@valet/ui";
import { useState } from "react";
import { useApp } from "../app-context.tsx";
import { ReasonDialog } from "../lists/reason-dialog.tsx";
import { useMay } from "../me.ts";
import { keys } from "../query-keys.ts";

interface ActionLook {
  verb: string;
  kind: ButtonKind;
  explain: (deploy: DeployView) => string;
  call: keyof ApiClient & `${DeployActionName}Deploy`;
}

/** How each action of the shared table looks and what it tells before it is done. */
export const deployActionLooks: Readonly<Record<DeployActionName, ActionLook>> = {
  trigger: {
    verb: "Trigger",
    kind: "primary",
    explain: (deploy) => `${deploy.imageTag} starts to roll out to ${deploy.environment}.`,
    call: "triggerDeploy",
  },
  approve: {
    verb: "Approve",
    kind: "primary",
    explain: (deploy) => `${deploy.imageTag}, asked for by ${deploy.createdBy}, may roll out to ${deploy.environment}.`,
    call: "approveDeploy",
  },
  promote: {
    verb: "Promote",
    kind: "primary",
    explain: (deploy) => `${deploy.imageTag} goes on past the point where it waits now.`,
    call: "promoteDeploy",
  },
  pause: {
    verb: "Pause",
    kind: "plain",
    explain: () => "No further host is begun. Hosts that are under way settle first; no task is touched.",
    call: "pauseDeploy",
  },
  resume: {
    verb: "Resume",
    kind: "primary",
    explain: () => "It goes on with the next host.",
    call: "resumeDeploy",
  },
  retry: {
    verb: "Retry",
    kind: "primary",
    explain: () => "The failed hosts are tried again.",
    call: "retryDeploy",
  },
  abort: {
    verb: "Abort",
    kind: "danger",
    explain: (deploy) =>
      `It stops here. Hosts that run ${deploy.imageTag} keep it, the others keep what they have; nothing is rolled back.`,
    call: "abortDeploy",
  },
  rollback: {
    verb: "Roll back",
    kind: "danger",
    explain: (deploy) => `Every host goes back to ${deploy.previousTag ?? "the last completed release"}, by digest.`,
    call: "rollbackDeploy",
  },
};

/** The buttons that the deploy's state allows, each with a question before it. */
export function DeployButtons(props: { deploy: DeployView }) {
  const { deploy } = props;
  const { api } = useApp();
  const queryClient = useQueryClient();
  const navigate = useNavigate();
  const mayAct = useMay("pauseDeploy");
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
  const actions = mayAct ? deployActionsFor(deploy.state) : [];
  if (actions.length === 0 && asked === null) return null;
  const look = asked === null ? null : deployActionLooks[asked];
  return (
    <div role="group" aria-label="What can be done with this deploy" className="flex flex-wrap gap-2">
      {actions.map((action) => (
        <Button
          key={action}
          kind={deployActionLooks[action].kind}
          onClick={() => {
            act.reset();
            setAsked(action);
          }}
        >
          {deployActionLooks[action].verb}
        </Button>
      ))}
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
