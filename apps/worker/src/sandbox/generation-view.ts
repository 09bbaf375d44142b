import type { AttemptRef, GenerationReport } from "@valet/contracts";
import type { AgentGenerationView } from "./agent-api.ts";
import type { GenerationBrowsers } from "./desired-slots.ts";
import type { Inventory } from "./gh-api.ts";

/** What is known of one generation: the agent's word, and the GH api's last answer. */
export interface GenerationView {
  agent: AgentGenerationView;
  /** The last feed request was answered, and a GH worker was in the answer. */
  isReachable: boolean;
  apiBootId: string;
  inventory: Inventory | null;
  /** When the GH worker confirmed that inventory, on this process' monotonic clock. */
  confirmedAtMonoMs: number;
  /** A slot is not ready before a confirmation newer than this: its task's end was just reported. */
  notReadyBeforeMonoMs: Map<number, number>;
}

/** One leased job of an inventory. */
export interface InventoryAttempt {
  ref: AttemptRef;
  jobId: string;
  isLive: boolean;
  frozen: boolean;
}

const endedStatuses: ReadonlySet<string> = new Set(["completed", "failed", "cancelled", "timed_out", "interrupted"]);

export function attemptsIn(inventory: Inventory | null): InventoryAttempt[] {
  return (inventory?.jobs ?? []).flatMap((job) =>
    typeof job.fence === "number" && typeof job.lease_id === "string"
      ? [
          {
            ref: { taskId: job.valet_task_id, fence: job.fence, leaseId: job.lease_id },
            jobId: job.job_id,
            isLive: !endedStatuses.has(job.status),
            frozen: job.frozen,
          },
        ]
      : [],
  );
}

export function browsersOf(view: GenerationView): GenerationBrowsers {
  const { generation, state } = view.agent;
  return { generation, state, spare: view.inventory?.spare ?? "none", slots: view.inventory?.slots ?? [] };
}

/** A GH worker that its api has not heard of for longer than `freshMs` is as unknown as one whose api is silent. */
export interface Freshness {
  monoMs: number;
  freshMs: number;
}
export function isReachable(view: GenerationView, now: Freshness): boolean {
  return view.isReachable && now.monoMs - view.confirmedAtMonoMs <= now.freshMs;
}

/** What the heartbeat says of a generation. An unreachable one repeats what was last seen and says so. */
export function reportOf(view: GenerationView, now: Freshness, relaying: readonly AttemptRef[]): GenerationReport {
  const { agent, inventory } = view;
  const reachable = isReachable(view, now);
  const ageMs = Math.max(0, now.monoMs - view.confirmedAtMonoMs);
  const listed = attemptsIn(inventory).map(({ ref, frozen }) => ({ ...ref, confirmedAgoMs: ageMs, frozen }));
  const unlisted = relaying.filter((ref) => !listed.some((other) => other.leaseId === ref.leaseId));
  const digest = /^sha256:[0-9a-f]{64}$/;
  const reported = [inventory?.image_digest ?? "", agent.imageDigest ?? ""].find((text) => digest.test(text));
  return {
    generation: agent.generation,
    imageTag: agent.imageTag,
    imageDigest: reported ?? agent.desiredDigest,
    state: agent.state,
    reachable,
    workerId: inventory?.worker_id ?? null,
    workerBootId: inventory?.boot_id ?? null,
    accepting: reachable && (inventory?.accepting ?? false),
    spareReady: reachable && inventory?.spare === "ready",
    slots: (inventory?.slots ?? []).map(({ index, state }) => ({
      index,
      state: state === "ready" && isTooEarly(view, index) ? ("preparing" as const) : state,
    })),
    // An end that is still being relayed belongs to the inventory: leaving it out would look like a death.
    attempts: [...listed, ...unlisted.map((ref) => ({ ...ref, confirmedAgoMs: 0, frozen: false }))],
  };
}

/**
 * Changes when the control plane should hear of this generation at once, without waiting for the next heartbeat. A slot that
 * becomes busy is no news: it was the control plane that gave it the task.
 */
export function signatureOf(view: GenerationView, now: Freshness): string {
  const { agent, inventory } = view;
  const slots = (inventory?.slots ?? []).map(
    ({ index, state }) => `${index}${state === "busy" ? "ready" : state}${isTooEarly(view, index)}`,
  );
  return JSON.stringify([
    agent.generation,
    agent.state,
    agent.imageTag,
    isReachable(view, now),
    inventory?.boot_id,
    inventory?.accepting,
    inventory?.spare === "ready",
    slots,
  ]);
}

/** Its browser is prepared, and has been since the end of its last task. */
export function isSlotReady(view: GenerationView, slot: number): boolean {
  const seen = view.inventory?.slots.find(({ index }) => index === slot);
  return seen?.state === "ready" && !isTooEarly(view, slot);
}

function isTooEarly(view: GenerationView, slot: number): boolean {
  return view.confirmedAtMonoMs <= (view.notReadyBeforeMonoMs.get(slot) ?? Number.NEGATIVE_INFINITY);
}
