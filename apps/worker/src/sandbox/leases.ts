import type { AttemptRef, GhCommand, HeartbeatReply } from "@valet/contracts";
import type { LeaseTimes } from "@valet/shared";
import type { Log } from "../log.ts";
import type { AttemptBook } from "./attempt-book.ts";
import type { Commands } from "./commands.ts";
import { type InventoryAttempt, attemptsIn } from "./generation-view.ts";
import type { Generations } from "./generations.ts";
import type { Moment } from "./host-clock.ts";

/** Passes the control plane's word on attempts down to the GH worker that runs them. */
export interface Leases {
  /** A heartbeat was answered. `sent` is when it left. */
  renew(refs: HeartbeatReply["renewed"], sent: Moment, leaseMs: number): void;
  cancel(ref: AttemptRef): void;
  /** Somebody else's now: its browser is killed, its evidence kept. */
  kill(ref: AttemptRef): void;
}

export function makeLeases(deps: {
  book: AttemptBook;
  generations: Pick<Generations, "live">;
  commands: Commands;
  log: Log;
  times: () => LeaseTimes;
}): Leases {
  const { book, commands, log } = deps;
  const find = (ref: AttemptRef): { generation: number; jobId: string | null; isLive: boolean } | null => {
    for (const { number, view } of deps.generations.live()) {
      const listed = attemptsIn(view.inventory).find((other) => isSame(other, ref));
      if (listed) return { generation: number, jobId: listed.jobId, isLive: listed.isLive };
    }
    const held = book.get(ref);
    return held ? { generation: held.assignment.generation, jobId: held.jobId, isLive: true } : null;
  };
  return {
    renew(refs, sent, leaseMs) {
      const byGeneration = new Map<number, Extract<GhCommand, { type: "renew" }>["leases"]>();
      for (const ref of refs) {
        const held = book.get(ref);
        if (held) held.renewed = sent;
        const found = find(ref);
        if (!found) continue;
        const leases = byGeneration.get(found.generation) ?? [];
        byGeneration.set(found.generation, leases);
        leases.push({
          valet_task_id: ref.taskId,
          fence: ref.fence,
          lease_id: ref.leaseId,
          renewed_wall_ms: sent.wallMs,
          renewed_mono_ms: sent.monoMs,
          lease_ms: leaseMs,
        });
      }
      for (const [generation, leases] of byGeneration)
        commands.send(generation, { type: "renew", leases }, deps.times().deadlineMs);
    },
    cancel(ref) {
      const held = book.get(ref);
      if (held && !held.cancelRequested) log.info({ event: "cancel_wanted", taskId: ref.taskId, fence: ref.fence });
      if (held) held.cancelRequested = true;
      const found = find(ref);
      if (found?.jobId && found.isLive)
        commands.send(found.generation, { type: "cancel", job_id: found.jobId }, deps.times().deadlineMs);
    },
    kill(ref) {
      const found = find(ref);
      if (!book.hasEnded(ref)) log.warn({ event: "attempt_lost", taskId: ref.taskId, fence: ref.fence, ...found });
      // An attempt that has no job id yet is on its way: its job is killed once an inventory shows it.
      if (found?.jobId && found.isLive)
        commands.send(found.generation, { type: "kill", job_id: found.jobId }, deps.times().leaseMs);
      if (book.get(ref)) book.end(ref);
    },
  };
}

function isSame({ ref }: InventoryAttempt, other: AttemptRef): boolean {
  return ref.taskId === other.taskId && ref.fence === other.fence;
}
