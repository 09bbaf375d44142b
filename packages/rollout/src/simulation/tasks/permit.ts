import {
  err,
  ok,
  refusePermit,
  type PermitFacts,
  type PermitRefused,
  type PermitRequest,
  type Result,
} from "@valet/shared";
import { attemptOf, isRunning, type State } from "./state.ts";

export type PermitAsk = PermitRequest & { sandboxId: string };

/** Leave for one write step. The same boot may ask again for a step it has not done. */
export function grantPermit(
  state: State,
  ask: PermitAsk,
): Result<{ permitId: string; usableForMs: number }, PermitRefused> {
  const refusal = refusePermit(factsOf(state, ask), ask);
  if (refusal) return err(refusal);
  const attempt = attemptOf(state.tasks.get(ask.ref.taskId), ask.ref.fence);
  if (!attempt) throw new Error("a permit was granted to no attempt");
  const now = state.clock.now();
  attempt.workerBootId = ask.workerBootId;
  const before = attempt.permits.get(ask.stepIndex);
  const permit = before ?? {
    id: state.ids(),
    workerBootId: ask.workerBootId,
    grantedAt: now,
    usableUntil: now,
    outcome: null,
  };
  permit.usableUntil = now + state.times.permitMs;
  attempt.permits.set(ask.stepIndex, permit);
  return ok({ permitId: permit.id, usableForMs: state.times.permitMs });
}

function factsOf(state: State, ask: PermitAsk): PermitFacts | undefined {
  const task = state.tasks.get(ask.ref.taskId);
  const attempt = attemptOf(task, ask.ref.fence);
  if (!task || attempt?.sandboxId !== ask.sandboxId || attempt.acknowledgedAt === null) return undefined;
  return {
    newestFence: task.fence,
    isRunning: isRunning(task),
    cancelRequested: task.cancelRequested,
    leaseId: attempt.leaseId,
    isLive: attempt.endedAt === null && attempt.leaseExpiresAt > state.clock.now(),
    boots: [...attempt.permits.values()].map((permit) => permit.workerBootId),
    isUsedUp: (attempt.permits.get(ask.stepIndex)?.outcome ?? null) !== null,
  };
}
