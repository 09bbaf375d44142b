import { completeAttempts } from "./complete.ts";
import { recordEvents } from "./events.ts";
import { beat, expireLeases, expireQueued, expireUnacknowledged } from "./expire.ts";
import { applyHeartbeat } from "./heartbeat.ts";
import { allowedIn, handOverCandidates, ledgerOf } from "./ledger.ts";
import type { MemoryTasks, MemoryTasksOptions } from "./model.ts";
import { grantPermit } from "./permit.ts";
import { applyTaskCallback, requestCancel, retryTask, reviewTask } from "./requests.ts";
import { reserveTasks } from "./reserve.ts";
import {
  addCordon,
  addSandbox,
  handOverSlots,
  moveSandbox,
  removeCordon,
  setCapacity,
  setReachable,
  setTargetGeneration,
} from "./sandboxes.ts";
import {
  acknowledge,
  assignmentsFor,
  cancelsFor,
  closeSession,
  openSession,
  planOf,
  sessionNews,
  touchSession,
} from "./sessions.ts";
import { emptyState, type State } from "./state.ts";
import { submitTask } from "./submit.ts";

/** A task store in memory for the simulator. */
export function makeMemoryTasks(options: MemoryTasksOptions): MemoryTasks {
  const state = emptyState(options);
  const on = <A extends unknown[], R>(operation: (state: State, ...input: A) => R) => {
    return (...input: A): R => operation(state, ...input);
  };
  return {
    tasks: state.tasks,
    sandboxes: state.sandboxes,
    ...ledgerOf(state),
    submitTask: on(submitTask),
    reserveTasks: on(reserveTasks),
    expireQueued: on(expireQueued),
    expireUnacknowledged: on(expireUnacknowledged),
    expireLeases: on(expireLeases),
    requestCancel: on(requestCancel),
    retryTask: on(retryTask),
    reviewTask: on(reviewTask),
    applyTaskCallback: on(applyTaskCallback),
    beat: on(beat),
    openSession: on(openSession),
    closeSession: on(closeSession),
    touchSession: on(touchSession),
    sessionNews: on(sessionNews),
    assignmentsFor: on(assignmentsFor),
    cancelsFor: on(cancelsFor),
    acknowledge: on(acknowledge),
    applyHeartbeat: on(applyHeartbeat),
    grantPermit: on(grantPermit),
    recordEvents: on(recordEvents),
    completeAttempts: on(completeAttempts),
    addSandbox: on(addSandbox),
    moveSandbox: on(moveSandbox),
    setCapacity: on(setCapacity),
    setReachable: on(setReachable),
    addCordon: on(addCordon),
    removeCordon: on(removeCordon),
    setTargetGeneration: on(setTargetGeneration),
    handOverSlots: on(handOverSlots),
    handOverCandidates: on(handOverCandidates),
    slotPlan: (sandboxId) => {
      const sandbox = state.sandboxes.get(sandboxId);
      return sandbox && planOf(sandbox);
    },
    allowRelease: (environment, imageDigest) => void allowedIn(state, environment).add(imageDigest),
    disallowRelease: (environment, imageDigest) => void allowedIn(state, environment).delete(imageDigest),
  };
}
