import { assertNever } from "@valet/shared";
import type { HostStep } from "../model.ts";
import { beginRollback, canGoBack } from "./back.ts";
import { moveDeploy, ownAll, say, waitFor, type Draft } from "./draft.ts";
import { isInFlight, namesOf } from "./hosts.ts";
import { pauseDeploy } from "./pause.ts";
import { recallHolders } from "./put-back.ts";

/** Answers each host failure once, as the knobs say. A deploy with nothing to go back to fails as soon as the rest has settled. */
export function reactToFailures(draft: Draft): void {
  const { deploy } = draft;
  const isUnanswered = (host: HostStep): boolean =>
    host.step === "failed" && !host.engine.failureHandled && !host.engine.absent;
  const first = deploy.hosts.find(isUnanswered);
  if (!first) return;
  const failed = ownAll(draft).filter(isUnanswered);
  for (const host of failed) host.engine.failureHandled = true;
  const reason = `${first.name}: ${first.reason}`;
  switch (deploy.knobs.failureAction) {
    case "rollback":
      if (canGoBack(deploy)) return beginRollback(draft, reason);
      say(draft, "nothing to roll back to: no other release has completed here; no further host is started", {
        reason,
      });
      deploy.engine = { kind: "rolling", failing: reason };
      if (deploy.state === "baking") moveDeploy(draft, "failed", reason);
      return;
    case "pause":
      return pauseDeploy(draft, "failure", reason, { failed: failed.map((host) => host.name) });
    case "continue":
      say(draft, `${namesOf(failed)} failed; the deploy goes on, as its knobs say`, { reason });
      return;
    default:
      assertNever(deploy.knobs.failureAction);
  }
}

/** True while a deploy that must fail still has hosts in the middle of something. */
export function settlesFirst(draft: Draft): boolean {
  recallHolders(draft, "the deploy failed");
  const inFlight = draft.deploy.hosts.filter((host) => isInFlight(host) || host.step === "rolling_back");
  if (inFlight.length > 0) waitFor(draft, `${namesOf(inFlight)} to settle`);
  return inFlight.length > 0;
}
