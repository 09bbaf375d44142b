import type { Call } from "./calls.ts";

/** What a command led to, in few words: a sweep says how often it saw each, so that a test can tell that it saw enough. */
export function deedsOf({ op }: Call, answer: unknown): string[] {
  if (op === "sandbox") return [op];
  if (typeof answer !== "object" || answer === null) return [`${op}: ${String(answer)}`];
  const { ok, error, value } = answer as { ok?: boolean; error?: { kind: string }; value?: object };
  if (ok === false) return [`${op}: ${error?.kind ?? "refused"}`];
  const facts = { ...answer, ...value } as Record<string, unknown>;
  const filled = Object.entries(facts).filter(([, items]) => Array.isArray(items) && items.length > 0);
  const deeds = filled.map(([name]) => `${op}: ${name}`);
  if (facts.replayed === true) deeds.push(`${op}: replayed`);
  const { held, task } = facts as { held?: { reason: string } | null; task?: { state: string } };
  if (held) deeds.push(`${op}: held for ${held.reason}`);
  if (task) deeds.push(`${op}: ${task.state}`);
  if (Array.isArray(answer))
    deeds.push(...answer.map((one) => endDeed(op, one as { taken?: boolean; state?: string })));
  return deeds.length > 0 ? deeds : [`${op}: nothing`];
}

function endDeed(op: string, { taken, state }: { taken?: boolean; state?: string }): string {
  return taken === undefined ? `${op}: one` : `${op}: ${taken ? "taken" : "not taken"}, ${state}`;
}
