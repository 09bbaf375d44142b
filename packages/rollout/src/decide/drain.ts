import { assertNever } from "@valet/shared";
import type { HostStep } from "../model.ts";
import type { SandboxFacts, SeenObservation } from "../observation.ts";
import { isLost } from "./answered.ts";
import { hostWaits, issue, waitForHost, type Draft } from "./draft.ts";
import { pauseDeploy } from "./pause.ts";

type Attempts = SandboxFacts["openAttempts"];

/** Says whom a draining host waits for and, past the drain deadline, does what the deploy's knobs say. Default: nothing is killed. */
export function drainDeadline(draft: Draft, host: HostStep, seen: SeenObservation, left: Attempts): void {
  const { drainTimeoutMs, drainDeadlineAction } = draft.deploy.knobs;
  const whom = left.length > 0 ? tasksText(left) : "the host to report that it is idle";
  const since = host.engine.drainingSince;
  const isLate = since !== null && draft.now - since >= drainTimeoutMs;
  if (draft.deploy.state === "paused" || !isLate) return wait(draft, host, `to end: ${whom}`);
  switch (drainDeadlineAction) {
    case "wait":
      return wait(draft, host, `past its drain deadline, waits on by its knobs: ${whom}`);
    case "pause":
      pauseForDrain(draft, host, whom);
      return;
    case "requeue": {
      const blocked = left.filter((attempt) => !attempt.requeueable);
      if (blocked.length > 0) {
        return wait(draft, host, `past its drain deadline; not safe to interrupt: ${tasksText(blocked)}`);
      }
      endOne(draft, host, seen, left);
      return;
    }
    case "force":
      endOne(draft, host, seen, left);
      return;
    default:
      assertNever(drainDeadlineAction);
  }
}

/** An updated host keeps its own reason; only the deploy says that it waits. */
function wait(draft: Draft, host: HostStep, sentence: string): void {
  if (host.step === "updated") waitForHost(draft, host, sentence);
  else hostWaits(draft, host, sentence);
}

function pauseForDrain(draft: Draft, host: HostStep, whom: string): void {
  const { state } = draft.deploy;
  if (state !== "in_progress" && state !== "baking") return wait(draft, host, `to end: ${whom}`);
  const reason = `${host.name} is not drained after ${draft.deploy.knobs.drainTimeoutMs} ms: ${whom}`;
  pauseDeploy(draft, "drain", reason, { sandboxId: host.sandboxId });
}

/** Ends one generation that still runs tasks. They are interrupted: queued again when that is safe, else put to review. */
function endOne(draft: Draft, host: HostStep, seen: SeenObservation, left: Attempts): void {
  const generation = left[0]?.generation ?? host.oldGeneration;
  if (generation === null || generation === undefined) return wait(draft, host, "to report that it is idle");
  const { command } = host.engine;
  const isUnderWay = command?.kind === "end_generation" && command.generation === generation;
  if (isUnderWay && !isLost(draft, host)) {
    return wait(draft, host, `past its drain deadline: generation ${generation} is being ended, ${tasksText(left)}`);
  }
  if (!isUnderWay && command !== null && seen.health.epoch < command.epoch) return;
  issue(draft, host, { kind: "end_generation", generation, force: true });
}

function tasksText(attempts: Attempts): string {
  const ids = attempts.slice(0, 3).map((attempt) => attempt.taskId);
  const more = attempts.length > ids.length ? ` and ${attempts.length - ids.length} more` : "";
  return `${attempts.length === 1 ? "task" : "tasks"} ${ids.join(", ")}${more}`;
}
