import type { DeployHistory } from "@valet/contracts";
import type { HistoryRow } from "@valet/db";
import { z } from "zod";

/** Sandboxes whose news is shown of one save; the first save of a large fleet saw all of it. */
const mostSandboxes = 50;

const record = z.record(z.string(), z.unknown());
/** Of a journal entry's input, what people are shown; lenient, since older versions wrote older forms. */
const inputSchema = z.object({
  head: record.default({}),
  observations: z
    .object({
      environment: record.default({}),
      sandboxes: z.record(z.string(), record).default({}),
    })
    .prefault({}),
});
type Change = z.infer<typeof record>;

/** At most `limit` saves; a further row says that there is a next page. */
export function historyView(rows: readonly HistoryRow[], limit: number): DeployHistory {
  const page = rows.slice(0, limit);
  return {
    entries: page.map((row) => ({
      revision: row.revision,
      at: row.at.toISOString(),
      state: row.state,
      decisions: row.decisions.map((one) => ({ ...one, at: one.at.toISOString() })),
      observed: observedOf(row),
    })),
    next: rows.length > limit ? (page.at(-1)?.revision ?? null) : null,
  };
}

function observedOf({ input, decisions }: HistoryRow): DeployHistory["entries"][number]["observed"] {
  const { head, observations } = inputSchema.parse(input);
  const changes = Object.entries(observations.sandboxes);
  const named = new Set(decisions.map((one) => one.data["sandboxId"]));
  // Those that something was decided about come first.
  changes.sort(([a], [b]) => Number(named.has(b)) - Number(named.has(a)));
  const request = head["request"] ? { request: head["request"] } : {};
  return {
    environment: { ...observations.environment, ...request },
    sandboxes: changes.slice(0, mostSandboxes).map(([sandboxId, change]) => ({
      sandboxId,
      sandboxName: nameOf(change) ?? sandboxId,
      changed: flat(change),
    })),
    sandboxesChanged: changes.length,
  };
}

function nameOf(change: Change): string | null {
  const whole = z.object({ whole: z.object({ facts: z.object({ name: z.string() }) }) }).safeParse(change);
  return whole.success ? whole.data.whole.facts.name : null;
}

/** One level of fields: what the host's agent said and what the database held. */
function flat(change: Change): Change {
  const { whole, facts, health, rest } = z
    .object({ whole: record.optional(), facts: record.optional(), health: record.optional(), rest: record.optional() })
    .parse(change);
  if (whole) return flat({ ...whole, rest: { kind: whole["kind"] } });
  return { ...withoutIdentity(facts ?? {}), ...health, ...rest };
}

function withoutIdentity({ name: _name, sandboxId: _id, ...others }: Change): Change {
  return others;
}
