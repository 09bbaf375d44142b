import type { EngineState } from "../model.ts";
import { moveDeploy, ownAll, type Draft } from "./draft.ts";

type PauseCause = Extract<EngineState, { kind: "paused" }>["cause"];

/** Waits for a person; what made it wait is kept, since `promote` answers only some of it. */
export function pauseDeploy(draft: Draft, cause: PauseCause, reason: string, data: Record<string, unknown> = {}): void {
  const { deploy } = draft;
  const failing = deploy.engine.kind === "rolling" ? deploy.engine.failing : null;
  moveDeploy(draft, "paused", reason, data);
  deploy.engine = { kind: "paused", since: draft.now, failing, cause };
}

/** Goes on; no clock counts the time between. */
export function goOn(draft: Draft, reason: string): void {
  const { deploy, now } = draft;
  const { engine, course } = deploy;
  moveDeploy(draft, "in_progress", reason);
  deploy.engine = { kind: "rolling", failing: engine.kind === "paused" ? engine.failing : null };
  if (engine.kind !== "paused") return;
  const pausedMs = now - engine.since;
  if (course.bakingSince !== null) course.bakingSince += pausedMs;
  if (course.watchedSince !== null) course.watchedSince += pausedMs;
  for (const host of ownAll(draft)) {
    if (host.engine.progressedAt !== null) host.engine.progressedAt += pausedMs;
    if (host.engine.phaseSince !== null) host.engine.phaseSince += pausedMs;
    // The drain's time starts anew: resuming a deploy that paused at its drain deadline must not pause it again at once.
    if (host.engine.drainingSince !== null) host.engine.drainingSince = now;
  }
}
