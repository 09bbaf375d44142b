import type { SessionEvent } from "@valet/contracts";
import type { Clock } from "@valet/shared";
import type { SandboxConfig } from "../config.ts";
import { type Log, messageOf } from "../log.ts";
import { makeApi } from "./api.ts";
import { relayArtifact } from "./artifacts.ts";
import { makeAssignments } from "./assignments.ts";
import { type HeldAttempt, makeAttemptBook } from "./attempt-book.ts";
import { makeCommands } from "./commands.ts";
import { deliver } from "./deliver.ts";
import { isSlotReady, signatureOf } from "./generation-view.ts";
import { makeGenerations } from "./generations.ts";
import { makeHeartbeat } from "./heartbeat.ts";
import { makeIntake } from "./intake.ts";
import { makeLeases } from "./leases.ts";
import { makePermits } from "./permits.ts";
import { makeRelayQueue } from "./relay-queue.ts";
import { makeRelay } from "./relay.ts";
import { makeSession } from "./session.ts";
import { makeSlotKeeper } from "./slot-keeper.ts";

export interface SandboxWorkerDeps {
  config: SandboxConfig;
  clock: Clock;
  random: () => number;
  bootId: string;
  log: Log;
  signal: AbortSignal;
}

const mostRelayed = 10_000;

/**
 * The sandbox's link to the control plane: one session, and one feed for each generation on this host. It keeps nothing on
 * disk: killed at any moment it learns everything anew, and running tasks do not notice. Resolves when the signal aborts.
 */
export async function runSandboxWorker(deps: SandboxWorkerDeps): Promise<void> {
  const { config, clock, log, signal } = deps;
  const api = makeApi(config.VALET_API_URL, config.VALET_SANDBOX_TOKEN, signal);
  const book = makeAttemptBook();
  const times = () => session.times();
  const queue = makeRelayQueue(() => times().confirmMs * 3);
  /** Work that a loop starts and does not wait for; its errors end here. */
  const start = (event: string, work: Promise<void>) => {
    work.catch((error: unknown) => {
      if (!signal.aborted) log.error({ event, reason: messageOf(error) });
    });
  };

  const session = makeSession({
    ...{ api, clock, log, signal, bootId: deps.bootId, version: config.VALET_VERSION, random: deps.random },
    onOpened: (attempts) => {
      intake.adopt(attempts);
      heartbeat.now();
    },
  });
  const generations = makeGenerations({
    ...{ agentUrl: config.VALET_AGENT_URL, serviceSecret: config.GH_SERVICE_SECRET, clock, log, signal },
    confirmMs: () => times().confirmMs,
    hasRoom: () => queue.size() < mostRelayed,
    onFeed: (generation, feed) => intake.feed(generation, feed),
    onChange: () => notice(),
  });
  const commands = makeCommands({ generations, clock, log, signal });
  const keeper = makeSlotKeeper({ generations, commands, clock, log, usableForMs: () => times().heartbeatMs });
  const leases = makeLeases({ book, generations, commands, log, times });
  const heartbeat = makeHeartbeat({
    ...{ generations, book, queue, api, session, clock, log, signal, random: deps.random },
    onReply: (reply, sent) => {
      keeper.accept(reply.plan);
      leases.renew(reply.renewed, sent, times().leaseMs);
      for (const ref of reply.lost) leases.kill(ref);
      for (const ref of reply.cancel) leases.cancel(ref);
      keeper.apply(true);
      intake.redeliver();
    },
  });
  const relay = makeRelay({
    ...{ api, session, clock, log, signal, queue },
    onForgotten: ({ generation, taskId, fence, throughSeq }) =>
      commands.send(
        generation,
        { type: "acknowledge", valet_task_id: taskId, fence, through_seq: throughSeq },
        times().leaseMs,
      ),
    onEnded: (ref) => {
      log.info({ event: "attempt_ended", taskId: ref.taskId, fence: ref.fence });
      const ended = book.get(ref)?.assignment;
      book.end(ref);
      const view = ended && generations.get(ended.generation)?.view;
      // The slot is ready again already: the control plane must hear that after the end, not only before.
      if (!ended || (view && isSlotReady(view, ended.slot))) heartbeat.now();
    },
    onStale: (ref) => leases.kill(ref),
  });
  const deliverDeps = {
    ...{ book, generations, clock, log, signal, times },
    onOwnEnd: (event: SessionEvent) => intake.relay(event, null),
    onDelivered: (attempt: HeldAttempt) => {
      if (attempt.cancelRequested) leases.cancel(attempt.ref);
    },
  };
  const assignments = makeAssignments({
    ...{ api, session, generations, book, clock, log, signal, random: deps.random },
    planRevision: keeper.planRevision,
    onPlan: keeper.accept,
    onCancel: leases.cancel,
    onAcknowledged: (attempt) => {
      book.hold(attempt);
      start("delivery_failed", deliver(deliverDeps, attempt));
    },
  });

  const intake = makeIntake({
    ...{ book, queue, generations, clock, log, times, start },
    wakeRelay: relay.wake,
    askPermit: makePermits({ ...{ api, session, commands, clock, log, signal }, onStale: leases.kill }),
    upload: (generation, file) => relayArtifact({ api, session, generations, clock, log, signal }, generation, file),
    acknowledge: assignments.take,
    deliver: (attempt) => deliver(deliverDeps, attempt),
  });
  let lastSignature = "";
  const notice = () => {
    keeper.apply();
    const now = { monoMs: clock.monotonicMs(), freshMs: times().confirmFreshMs };
    const signature = generations
      .views()
      .map((view) => signatureOf(view, now))
      .join();
    if (signature !== lastSignature) heartbeat.now();
    lastSignature = signature;
  };

  const loops = { session, generations, assignments, heartbeat, relay };
  await Promise.all(
    Object.entries(loops).map(([name, loop]) =>
      loop.run().catch((error: unknown) => {
        if (!signal.aborted) throw new Error(`the ${name} loop of the sandbox worker ended`, { cause: error });
      }),
    ),
  );
  await api.close();
}
