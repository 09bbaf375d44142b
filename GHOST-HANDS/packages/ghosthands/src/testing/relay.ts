import {
  ghFeedSchema,
  type GhCommand,
  type GhFeed,
  type GhFeedEntry,
  type GhLease,
  type TaskEvent,
} from "@valet/contracts";
import { makeHostClock } from "../runtime/host-clock.ts";
import type { GhClient } from "./client.ts";

type Ask = Extract<GhFeedEntry, { kind: "permit_ask" }>;

/**
 * Stands in for the sandbox worker and the control plane behind it: follows the feed, stores events, answers permits, renews
 * leases, acknowledges. What it does of that is switched by the test.
 */
export interface Relay {
  /** Events stored, by task id, in order and without repetition. */
  events(taskId: string): TaskEvent[];
  workers(): GhFeed["workers"];
  asks(): Ask[];
  lease(): GhLease;
  send(...commands: GhCommand[]): Promise<void>;
  policy: {
    permit: (ask: Ask) => { granted: boolean; reason: string | null } | "silence";
    renew: boolean;
    acknowledge: boolean;
  };
  stop(): Promise<void>;
}

export function startRelay(client: GhClient, leaseMs: number): Relay {
  const clock = makeHostClock();
  const stored = new Map<string, Map<number, TaskEvent>>();
  const leases = new Map<string, GhLease & { valet_task_id: string }>();
  const asks: Ask[] = [];
  const ending = new AbortController();
  let workers: GhFeed["workers"] = [];
  let cursor = { api_boot_id: "", cursor: "0" };

  const relay: Relay = {
    events: (taskId) => [...(stored.get(taskId)?.values() ?? [])].sort((a, b) => a.seq - b.seq),
    workers: () => workers,
    asks: () => asks,
    lease: () => ({
      fence: 1,
      lease_id: "lease-of-a-test",
      renewed_wall_ms: clock.wallMs(),
      renewed_mono_ms: clock.monoMs(),
      lease_ms: leaseMs,
    }),
    async send(...commands) {
      await client.post("/api/v1/gh/commands", { commands });
    },
    policy: { permit: () => ({ granted: true, reason: null }), renew: true, acknowledge: true },
    async stop() {
      ending.abort();
      await following;
    },
  };

  function take(entry: GhFeedEntry): GhCommand[] {
    if (entry.kind === "permit_ask") {
      asks.push(entry);
      const answer = relay.policy.permit(entry);
      if (answer === "silence") return [];
      const { job_id, step_index, ask_id } = entry;
      return [{ type: "permit", job_id, step_index, ask_id, ...answer, usable_for_ms: leaseMs / 60 }];
    }
    const events = stored.get(entry.valet_task_id) ?? new Map<number, TaskEvent>();
    stored.set(entry.valet_task_id, events);
    events.set(entry.event.seq, entry.event);
    if (!relay.policy.acknowledge) return [];
    const { fence, seq } = entry.event;
    return [{ type: "acknowledge", valet_task_id: entry.valet_task_id, fence, through_seq: seq }];
  }

  function renewals(): GhCommand[] {
    if (!relay.policy.renew) return [];
    for (const worker of workers)
      for (const job of worker.jobs)
        if (job.lease_id !== null && job.fence !== null)
          leases.set(job.job_id, {
            ...relay.lease(),
            fence: job.fence,
            lease_id: job.lease_id,
            valet_task_id: job.valet_task_id,
          });
    return leases.size === 0 ? [] : [{ type: "renew", leases: [...leases.values()] }];
  }

  async function follow(): Promise<void> {
    let renewedAtMs = 0;
    while (!ending.signal.aborted) {
      try {
        const query = new URLSearchParams({ ...cursor, wait_ms: String(Math.round(leaseMs / 60)) });
        const feed = ghFeedSchema.parse(await client.get(`/api/v1/gh/feed?${query.toString()}`));
        cursor = { api_boot_id: feed.api_boot_id, cursor: String(feed.cursor) };
        workers = feed.workers;
        const commands = feed.entries.flatMap(take);
        if (clock.monoMs() - renewedAtMs > leaseMs / 30) {
          renewedAtMs = clock.monoMs();
          commands.push(...renewals());
        }
        if (commands.length > 0) await relay.send(...commands);
      } catch (error) {
        // The api is down for a while in some tests: as the real relay does, go on when it is back.
        if (!(error instanceof TypeError) && !String(error).includes("503")) throw error;
        await new Promise((resolve) => setTimeout(resolve, 30));
      }
    }
  }
  const following = follow();
  return relay;
}
