import type { ApiClient, DeployView } from "@valet/contracts";
import type { DeployActionName } from "@valet/shared";
import type { ButtonKind } from "@valet/ui";
import { actorName } from "../../lists/actor.tsx";

export interface ActionLook {
  verb: string;
  kind: ButtonKind;
  /** What it would do now, in a sentence. */
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
    explain: (deploy) =>
      `${deploy.imageTag}, asked for by ${actorName(deploy.createdBy)}, may roll out to ${deploy.environment}.`,
    call: "approveDeploy",
  },
  promote: { verb: "Promote", kind: "primary", explain: promoteText, call: "promoteDeploy" },
  pause: {
    verb: "Pause",
    kind: "plain",
    explain: () => "No further host is begun. Hosts that are under way settle first; no task is touched.",
    call: "pauseDeploy",
  },
  resume: { verb: "Resume", kind: "primary", explain: resumeText, call: "resumeDeploy" },
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
      deploy.startedAt === null
        ? "It will not start. Nothing was changed, so nothing is taken back."
        : `It stops here. Hosts that run ${deploy.imageTag} keep it, the others keep what they have; nothing is rolled back.`,
    call: "abortDeploy",
  },
  rollback: {
    verb: "Roll back",
    kind: "danger",
    explain: (deploy) => `Every host goes back to ${deploy.previousTag ?? "the last completed release"}, by digest.`,
    call: "rollbackDeploy",
  },
};

function promoteText(deploy: DeployView): string {
  const { imageTag, progress, knobs } = deploy;
  if (deploy.state === "baking") return `${imageTag} counts as completed without waiting any longer.`;
  if (deploy.state === "paused") {
    return `It goes on against, or without, the analysis: ${imageTag} is not judged any more.`;
  }
  if (knobs.strategy === "blue-green") return `New work of every host goes to ${imageTag}, in one switch.`;
  const isLast = progress.step !== null && progress.step === progress.stepsTotal;
  return isLast ? `${imageTag} goes on to the rest of the hosts.` : `${imageTag} goes on to the next canary step.`;
}

function resumeText(deploy: DeployView): string {
  if (deploy.state === "rollback_paused") return "The rollback is tried again on the hosts where it failed.";
  if (deploy.progress.awaitsPromotion) {
    return "The canary stays as it is and is judged again, by tasks that start from now on.";
  }
  return "It goes on where it stands. The paused time counts against no deadline.";
}
