import { assertNever } from "@valet/shared";
import { beginRollback, canGoBack } from "./back.ts";
import { moveDeploy, say, waitFor, type Draft } from "./draft.ts";
import { isInFlight, namesOf } from "./hosts.ts";

/** Answers each host failure once, as the knobs say. A deploy with nothing to go back to fails as soon as the rest has settled. */
export function reactToFailures(draft: Draft): void {
  const { deploy } = draft;
  const failed = deploy.hosts.filter(
    (host) => host.step === "failed" && !host.engine.failureHandled && !host.engine.absent,
  );
  const first = failed[0];
  if (!first) return;
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
      moveDeploy(draft, "paused", reason, { failed: failed.map((host) => host.name) });
      deploy.engine = { kind: "paused", since: draft.now, failing: null, cause: "failure" };
      return;
    case "continue":
      say(draft, `${namesOf(failed)} failed; the deploy goes on, as its knobs say`, { reason });
      return;
    default:
      assertNever(deploy.knobs.failureAction);
  }
}

/** True while a deploy that must fail still has hosts in the middle of something. */
export function settlesFirst(draft: Draft): boolean {
  const inFlight = draft.deploy.hosts.filter(isInFlight);
  if (inFlight.length > 0) waitFor(draft, `${namesOf(inFlight)} to settle`);
  return inFlight.length > 0;
}
