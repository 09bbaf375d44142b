import { createHash } from "node:crypto";
import { canonicalJson } from "../canonical-json.ts";

/** Where a task may go. */
export interface Placement {
  labels: Record<string, string>;
  sandboxId?: string | null | undefined;
}

const longestKey = 300;

/** One text for one set of demands, '' for none: tasks that can go to the same places share a stretch of the queue's index. */
export function placementKey({ labels, sandboxId }: Placement): string {
  if (Object.keys(labels).length === 0 && !sandboxId) return "";
  const key = canonicalJson({ labels, sandbox: sandboxId ?? null });
  return key.length <= longestKey ? key : `sha256:${createHash("sha256").update(key).digest("hex")}`;
}

/** True when the sandbox has every label asked for, and is the one asked for. */
export function fits(placement: Placement, sandbox: { id: string; labels: Record<string, string> }): boolean {
  if (placement.sandboxId && placement.sandboxId !== sandbox.id) return false;
  return Object.entries(placement.labels).every(([name, value]) => sandbox.labels[name] === value);
}

const mostLabels = 6;

/** Every key that fits a sandbox: each subset of its labels, with and without naming it. Labels beyond the sixth are left out. */
export function keysFitting(sandbox: { id: string; labels: Record<string, string> }): Map<string, Placement> {
  const names = Object.keys(sandbox.labels).sort().slice(0, mostLabels);
  const keys = new Map<string, Placement>();
  for (let mask = 0; mask < 1 << names.length; mask += 1) {
    const chosen = names.filter((_, position) => mask & (1 << position));
    const labels = Object.fromEntries(chosen.map((name) => [name, sandbox.labels[name] ?? ""]));
    for (const placement of [{ labels }, { labels, sandboxId: sandbox.id }])
      keys.set(placementKey(placement), placement);
  }
  return keys;
}
