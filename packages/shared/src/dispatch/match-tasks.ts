import { fits, keysFitting } from "./placement.ts";
import type { Placement } from "./placement.ts";
import type { EligibleSandbox, QueueClass, QueueHead } from "./queue.ts";

/** A task and the slot it should get. */
export interface Match {
  head: QueueHead;
  sandboxId: string;
  slot: number;
  generation: number;
  planRevision: number;
}

/**
 * The classes worth looking at: those that fit a sandbox with a free slot. When there were too many classes to list them all,
 * the keys are made from the sandboxes instead, so that a crowd of hopeless classes hides no other.
 */
export function placeableClasses(
  listed: readonly QueueClass[],
  isComplete: boolean,
  sandboxes: readonly EligibleSandbox[],
  keyOf: (placement: Placement) => string,
): QueueClass[] {
  const fitting = listed.filter((one) =>
    sandboxes.some((sandbox) => sandbox.environment === one.environment && fits(one, sandbox)),
  );
  if (isComplete) return fitting;
  const all = new Map(fitting.map((one) => [`${one.environment} ${one.key}`, one]));
  for (const sandbox of sandboxes.slice(0, 200)) {
    for (const [key, placement] of keysFitting(sandbox, keyOf)) {
      all.set(`${sandbox.environment} ${key}`, { ...placement, environment: sandbox.environment, key });
    }
  }
  return [...all.values()];
}

/** Tasks in the order of their turns: each tenant's oldest first, the tenant served longest ago first. */
export function inTurn(heads: readonly QueueHead[]): QueueHead[] {
  const byTenant = new Map<string, QueueHead[]>();
  for (const head of [...heads].sort((a, b) => a.queueKey - b.queueKey || (a.taskId < b.taskId ? -1 : 1))) {
    const own = byTenant.get(head.tenantId) ?? [];
    own.push(head);
    byTenant.set(head.tenantId, own);
  }
  const tenants = [...byTenant.values()].sort(
    (a, b) =>
      (a[0]?.lastServed ?? 0) - (b[0]?.lastServed ?? 0) || ((a[0]?.tenantId ?? "") < (b[0]?.tenantId ?? "") ? -1 : 1),
  );
  const rounds = Math.max(0, ...tenants.map((own) => own.length));
  return Array.from({ length: rounds }, (_, round) => tenants.flatMap((own) => own[round] ?? [])).flat();
}

/**
 * Gives each task a free slot of a sandbox it fits: the emptiest one, of equals the one with the smallest id. A task avoids the sandboxes it failed on, unless
 * `hasAlternative` says that there is no other it could ever go to.
 */
export function matchTasks(
  heads: readonly QueueHead[],
  classes: readonly QueueClass[],
  sandboxes: readonly EligibleSandbox[],
  hasAlternative: (head: QueueHead, placement: QueueClass) => boolean,
): Match[] {
  const classOf = new Map(classes.map((one) => [`${one.environment} ${one.key}`, one]));
  const free = new Map(sandboxes.map((sandbox) => [sandbox.id, [...sandbox.freeSlots]]));
  const candidates = new Map<QueueClass, EligibleSandbox[]>();
  const matches: Match[] = [];
  for (const head of heads) {
    const placement = classOf.get(`${head.environment} ${head.key}`);
    if (!placement) continue;
    const fitting =
      candidates.get(placement) ??
      sandboxes.filter((sandbox) => sandbox.environment === placement.environment && fits(placement, sandbox));
    candidates.set(placement, fitting);
    const sandbox =
      emptiest(
        fitting.filter((one) => !head.avoid.includes(one.id)),
        free,
      ) ?? (head.avoid.length > 0 && !hasAlternative(head, placement) ? emptiest(fitting, free) : undefined);
    const slot = sandbox && free.get(sandbox.id)?.shift();
    if (!sandbox || !slot) continue;
    const { id: sandboxId, planRevision } = sandbox;
    matches.push({ head, sandboxId, planRevision, slot: slot.index, generation: slot.generation });
  }
  return matches;
}

function emptiest(
  sandboxes: readonly EligibleSandbox[],
  free: ReadonlyMap<string, readonly unknown[]>,
): EligibleSandbox | undefined {
  let best: EligibleSandbox | undefined;
  let most = 0;
  for (const sandbox of sandboxes) {
    const count = free.get(sandbox.id)?.length ?? 0;
    if (count > most || (best && count === most && sandbox.id < best.id)) [best, most] = [sandbox, count];
  }
  return best;
}
