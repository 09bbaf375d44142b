import { randomUUID } from "node:crypto";
import type { Assignment, AttemptRef, SessionEvent, TaskEvent } from "@valet/contracts";
import { systemClock } from "@valet/shared";
import { ignoreAbort } from "../../../apps/worker/src/bell.ts";
import type { Api } from "../../../apps/worker/src/sandbox/api.ts";
import { makeAssignments } from "../../../apps/worker/src/sandbox/assignments.ts";
import { makeAttemptBook } from "../../../apps/worker/src/sandbox/attempt-book.ts";
import { makeHeartbeat } from "../../../apps/worker/src/sandbox/heartbeat.ts";
import { makeRelayQueue } from "../../../apps/worker/src/sandbox/relay-queue.ts";
import { makeRelay } from "../../../apps/worker/src/sandbox/relay.ts";
import { makeSession } from "../../../apps/worker/src/sandbox/session.ts";
import { makeSimulatedHost } from "./simulated-host.ts";

export interface SimulatedDeps {
  api: Api;
  slots: number;
  signal: AbortSignal;
  /** How long a task takes, from its metadata. */
  workMs: (assignment: Assignment) => number;
}

/** A fresh browser after each task. */
const renewBrowserMs = 1_000;
const nothing = () => undefined;
const log = { debug: nothing, info: nothing, warn: nothing, error: nothing };

/**
 * A sandbox worker's own session, heartbeat, long-poll and relay, as they are in apps/worker; only the GH worker below them is
 * played: each task has one step, which takes `workMs`.
 */
export async function runSimulatedSandbox({ api, slots, signal, workMs }: SimulatedDeps): Promise<void> {
  const clock = systemClock;
  const random = Math.random;
  const host = makeSimulatedHost(slots, clock);
  const book = makeAttemptBook();
  const queue = makeRelayQueue(() => session.times().confirmMs * 3);
  const generations = {
    views: () => [host.view],
    isAgentReachable: () => true,
    get: () => ({ number: 1, view: host.view }) as never,
  };
  let planRevision = -1;
  const take = ({ revision }: { revision: number }) => {
    planRevision = Math.max(planRevision, revision);
  };
  const end = (ref: AttemptRef) => {
    book.end(ref);
    host.forget(ref);
  };
  const journal = (ref: AttemptRef, fromSeq: number, events: Pick<TaskEvent, "type" | "data">[]) => {
    events.forEach(({ type, data }, index) => {
      const event: SessionEvent = { ...ref, seq: fromSeq + index, type, data, at: new Date().toISOString() };
      queue.add({ event, generation: 1, isCleared: true, isPlaceholder: false });
    });
    relay.wake();
  };
  const work = async (assignment: Assignment, ref: AttemptRef) => {
    const step = { stepIndex: 0, action: "goto", effect: "read" };
    host.begin(ref, assignment.slot);
    journal(ref, 1, [
      { type: "attempt_started", data: {} },
      { type: "step_started", data: step },
    ]);
    await clock.sleep(workMs(assignment), signal);
    host.finish(ref, assignment.slot);
    journal(ref, 3, [
      { type: "step_done", data: { ...step, durationMs: workMs(assignment) } },
      { type: "finished", data: { status: "completed", result: {} } },
    ]);
    heartbeat.now();
    await clock.sleep(renewBrowserMs, signal);
    host.ready(assignment.slot);
    heartbeat.now();
  };

  const session = makeSession({
    ...{ api, clock, log, signal, random, bootId: randomUUID(), version: "bench" },
    onOpened(attempts) {
      for (const attempt of attempts) if (!attempt.acknowledged) void assignments.take(attempt);
      heartbeat.now();
    },
  });
  const heartbeat = makeHeartbeat({
    ...{ generations, book, queue, api, session, clock, log, signal, random },
    onReply(reply) {
      take(reply.plan);
      for (const ref of reply.lost) end(ref);
    },
  });
  const relay = makeRelay({
    ...{ api, session, clock, log, signal, queue },
    ...{ onForgotten: nothing, onEnded: end, onStale: end },
  });
  const assignments = makeAssignments({
    ...{ api, session, generations, book, clock, log, signal, random },
    ...{ planRevision: () => planRevision, onPlan: take, onCancel: nothing },
    onAcknowledged(attempt) {
      attempt.phase = "delivered";
      book.hold(attempt);
      work(attempt.assignment, attempt.ref).catch(ignoreStop);
    },
  });
  const ignoreStop = (error: unknown) => {
    if (!signal.aborted) throw error;
  };
  await Promise.all([session, heartbeat, relay, assignments].map((loop) => loop.run().catch(ignoreStop)));
}

/** Resolves after `ms`, or at once when aborted. */
export async function sleep(ms: number, signal: AbortSignal): Promise<void> {
  await systemClock.sleep(ms, signal).catch(ignoreAbort);
}
