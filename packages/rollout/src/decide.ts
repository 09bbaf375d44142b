import { assertNever } from "@valet/shared";
import { abort } from "./decide/abort.ts";
import { awaitApproval } from "./decide/approvals.ts";
import { goBack, tendPausedRollback } from "./decide/back.ts";
import { openDraft, settleDraft, waitFor, type Draft } from "./decide/draft.ts";
import { effectsOf } from "./decide/effects.ts";
import { bake } from "./decide/finish.ts";
import { takeRequest } from "./decide/requests.ts";
import { rest } from "./decide/rest.ts";
import { roll } from "./decide/rolling.ts";
import { startOrWait } from "./decide/start.ts";
import { writesOf } from "./decide/writes.ts";
import type { Effect, Write } from "./effect.ts";
import type { Decision, DeployDocument } from "./model.ts";
import type { Observations } from "./observation.ts";

export interface Decided {
  /** The document as it should be; its revision is one higher when anything is to be saved. */
  next: DeployDocument;
  isChanged: boolean;
  /** Rows to change in the same transaction as the document. */
  writes: Write[];
  /** Commands to send after the save. */
  effects: Effect[];
  waitingOn: string[];
  decisions: Decision[];
}

/**
 * What to do about one deploy, from its document, what was observed, and the time. Pure: the same input gives the same answer,
 * nothing is awaited, the input is not changed. It takes no hint of what has changed and remembers nothing but the document.
 */
export function decide(deploy: DeployDocument, observations: Observations, now: number): Decided {
  const draft = openDraft(deploy, observations, now);
  const { request } = deploy;
  takeRequest(draft);
  const wished = draft.decisions.length;
  // One move of the deploy's state a save, so that every save is one legal transition.
  if (draft.deploy.state === deploy.state) stepForward(draft);
  draft.deploy.waitingOn = draft.waitingOn.toSentences();
  const writes = writesOf(deploy, draft);
  const isDifferent = settleDraft(draft, deploy);
  const isChanged = writes.length > 0 || draft.decisions.length > 0 || isDifferent;
  if (isChanged) draft.deploy.revision = deploy.revision + 1;
  return {
    next: draft.deploy,
    isChanged,
    writes,
    effects: effectsOf(draft),
    waitingOn: draft.deploy.waitingOn,
    decisions: draft.decisions.map((one, place) =>
      request && place < wished ? { actor: request.actor, ...one } : one,
    ),
  };
}

function stepForward(draft: Draft): void {
  const { state } = draft.deploy;
  switch (state) {
    case "awaiting_trigger":
      return waitFor(draft, "somebody to trigger it");
    case "awaiting_approval":
      return awaitApproval(draft);
    case "queued":
      return startOrWait(draft);
    case "in_progress":
      return roll(draft);
    case "paused":
      return rest(draft);
    case "baking":
      return bake(draft);
    case "aborting":
      return abort(draft);
    case "rolling_back":
      return goBack(draft);
    case "rollback_paused":
      return tendPausedRollback(draft);
    case "completed":
    case "failed":
    case "aborted":
    case "superseded":
    case "rolled_back":
      return;
    default:
      assertNever(state);
  }
}
