import type { DeployView } from "@valet/contracts";
import { type DeployActionName, assertNever } from "@valet/shared";
import { ask } from "../ask.ts";
import type { DeployActionFlags } from "../commands/deploys.ts";
import type { CliContext } from "../context.ts";
import { type ExitCode, exitCodes } from "../failure.ts";
import { plainText } from "../plain-text.ts";
import { resolveId, shorten } from "../short-ids.ts";
import { parseKnobs } from "./knobs.ts";
import { watchDeploy } from "./watch-deploy.ts";

/** Asks something of a deploy. The API records the wish; the control worker acts on it, which `--watch` shows. */
export async function actOnDeploy(
  context: CliContext,
  action: DeployActionName,
  given: string,
  flags: DeployActionFlags,
): Promise<ExitCode> {
  const knobs = flags.knob || flags.strategy ? parseKnobs(flags.knob, flags.strategy) : undefined;
  const id = await resolveId(context, "deploy", given);
  const { reason, revision, toDigest, planRevision, ignoreFreeze } = flags;
  const doing = { what: `${action} deploy ${given}`, listCommand: "valet deploys list" };
  const view = await ask(context, doing, (api, signal): Promise<DeployView> => {
    const input = { params: { id }, body: { reason, revision }, signal };
    switch (action) {
      case "trigger":
        return api.triggerDeploy({ ...input, body: { ...input.body, knobs, planRevision, ignoreFreeze } });
      case "rollback":
        return api.rollbackDeploy({ ...input, body: { ...input.body, toDigest } });
      case "approve":
        return api.approveDeploy(input);
      case "promote":
        return api.promoteDeploy(input);
      case "pause":
        return api.pauseDeploy(input);
      case "resume":
        return api.resumeDeploy(input);
      case "abort":
        return api.abortDeploy(input);
      case "retry":
        return api.retryDeploy(input);
      default:
        return assertNever(action);
    }
  });
  // A rollback of a completed deploy is a new deploy: follow what the API answered with.
  if (flags.watch) {
    const last = await watchDeploy(context, view.id, view);
    return wantedStates[action].includes(last.state) ? exitCodes.done : exitCodes.failed;
  }
  context.print(view, () => {
    if (action === "approve") return approvedText(view);
    const which = view.id === id ? `Deploy ${shorten(id)}` : `New deploy ${shorten(view.id)}`;
    const why = view.stateReason ? ` (${plainText(view.stateReason)})` : "";
    return `Asked to ${action === "rollback" ? "roll back" : action}. ${which} is ${view.state}${why}.\nFollow it: valet deploys show ${shorten(view.id)} --watch`;
  });
  return exitCodes.done;
}

function approvedText({ id, approvals: { required, given } }: DeployView): string {
  const missing = required - given.length;
  const rest = missing > 0 ? `it takes ${missing} more` : "it goes ahead";
  return `Approved, ${given.length} of ${required}: ${rest}.\nFollow it: valet deploys show ${shorten(id)} --watch`;
}

/** How a watched deploy must end for the action to count as done. */
const wantedStates: Record<DeployActionName, readonly DeployView["state"][]> = {
  trigger: ["completed"],
  approve: ["completed"],
  promote: ["completed"],
  pause: ["completed"],
  resume: ["completed"],
  retry: ["completed"],
  abort: ["aborted"],
  rollback: ["rolled_back", "completed"],
};
