import { canonicalJson } from "../canonical-json.ts";

/** Where a task may go. */
export interface Placement {
  labels: Record<string, string>;
  sandboxId?: string | null | undefined;
}

/** One text for one set of demands, '' for none: tasks that can go to the same places share it. */
export function placementText({ labels, sandboxId }: Placement): string {
  if (Object.keys(labels).length === 0 && !sandboxId) return "";
  return canonicalJson({ labels, sandbox: sandboxId ?? null });
}

/** True when the sandbox has every label asked for, and is the one asked for. */
export function fits(placement: Placement, sandbox: { id: string; labels: Record<string, string> }): boolean {
  if (placement.sandboxId && placement.sandboxId !== sandbox.id) return false;
  return Object.entries(placement.labels).every(([name, value]) => sandbox.labels[name] === value);
}

const mostLabels = 6;

/**
 * Every key (`keyOf` makes it) that fits a sandbox: each subset of its labels, with and without naming it. Labels beyond the
 * sixth are left out.
 */
export function keysFitting(
  sandbox: { id: string; labels: Record<string, string> },
  keyOf: (placement: Placement) => string,
): Map<string, Placement> {
  const names = Object.keys(sandbox.labels).sort().slice(0, mostLabels);
  const keys = new Map<string, Placement>();
  for (let mask = 0; mask < 1 << names.length; mask += 1) {
    const chosen = names.filter((_, position) => mask & (1 << position));
    const labels = Object.fromEntries(chosen.map((name) => [name, sandbox.labels[name] ?? ""]));
    for (const placement of [{ labels }, { labels, sandboxId: sandbox.id }]) keys.set(keyOf(placement), placement);
  }
  return keys;
}
