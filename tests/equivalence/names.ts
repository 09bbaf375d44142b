import type { AttemptKey } from "@valet/shared";
import type { Names, Ref } from "./calls.ts";

/** The reference as a store knows it. */
export function keyIn(names: Names, { taskId, fence, lease }: Ref): AttemptKey {
  const known = lease === "right" ? names.leases.get(`${taskId} ${fence}`) : undefined;
  return { taskId, fence, leaseId: known ?? "no-such-lease" };
}

export function noteLease(names: Names, { taskId, fence, leaseId }: AttemptKey): void {
  names.leases.set(`${taskId} ${fence}`, leaseId);
  names.of.set(leaseId, `lease ${fence} of ${taskId}`);
}

export function noteSession(names: Names, id: string): void {
  names.of.set(id, `session ${names.sessions.length}`);
  names.sessions.push(id);
}

export function notePermit(names: Names, id: string): void {
  if (names.of.has(id)) return;
  names.of.set(id, `permit ${names.permits}`);
  names.permits += 1;
}

/** Lists whose order says nothing. */
const unordered = new Set([
  "renewed",
  "lost",
  "cancel",
  "requeued",
  "quarantined",
  "expired",
  "reservations",
  "ids",
  "cordons",
]);

/** The value with both stores' own ids under their common names, and lists without an order sorted. */
export function normalise(names: Names, value: unknown, key = ""): unknown {
  if (typeof value === "string") return names.of.get(value) ?? value;
  if (value instanceof Date) return value.getTime();
  if (Array.isArray(value)) {
    const items = value.map((item) => normalise(names, item));
    return unordered.has(key) ? items.sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)) : items;
  }
  if (typeof value !== "object" || value === null) return value;
  const fields = Object.entries(value)
    .filter(([, field]) => field !== undefined)
    .map(([name, field]) => [name, normalise(names, field, name)] as const);
  return Object.fromEntries(fields.sort(([a], [b]) => (a < b ? -1 : 1)));
}
