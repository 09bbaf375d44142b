import type { DeployRequest } from "../model.ts";
import { moveDeploy, say, waitFor, type Draft } from "./draft.ts";

/** Whoever asked for a deploy never counts among those who let it go ahead. */
function approversOf({ deploy, facts }: Draft, also: string | null): string[] {
  const actors = [...facts.approvals.map((one) => one.actor), ...(also === null ? [] : [also])];
  return [...new Set(actors)].filter((actor) => actor !== deploy.createdBy);
}

/** At least one: a deploy that waits for approval needs a second person, whatever the configuration says by now. */
const neededBy = ({ facts }: Draft): number => Math.max(1, facts.requiredApprovals);

export function awaitApproval(draft: Draft): void {
  const approvers = approversOf(draft, null);
  const needed = neededBy(draft);
  if (approvers.length >= needed) return moveDeploy(draft, "queued", `approved by ${approvers.join(", ")}`);
  waitForApproval(draft, approvers.length);
}

function waitForApproval(draft: Draft, count: number): void {
  waitFor(draft, `approval by a person other than ${draft.deploy.createdBy}: ${count} of ${neededBy(draft)}`);
}

/** Approvals are kept beside the deploy by whoever takes them; this one counts whether it is there already or not. */
export function approve(draft: Draft, request: DeployRequest): void {
  const { deploy } = draft;
  if (request.actor === deploy.createdBy) {
    say(draft, `approve refused: ${request.actor} asked for this deploy, a second person must approve it`, { request });
    return;
  }
  const approvers = approversOf(draft, request.actor);
  const needed = neededBy(draft);
  if (approvers.length < needed) {
    say(draft, `approved by ${request.actor}: ${approvers.length} of ${needed}`, { request });
    return;
  }
  moveDeploy(
    draft,
    "queued",
    `approved by ${approvers.join(", ")}${request.reason === "" ? "" : `: ${request.reason}`}`,
  );
}

/** After the trigger: into the queue, or to those who must approve first. */
export function queueOrAsk(draft: Draft, reason: string): void {
  const { facts } = draft;
  const count = approversOf(draft, null).length;
  if (count >= facts.requiredApprovals) return moveDeploy(draft, "queued", reason);
  moveDeploy(draft, "awaiting_approval", reason);
  waitForApproval(draft, count);
}
