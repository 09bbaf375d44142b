import { channels } from "./notify.ts";
import type { JsonObject, Sql } from "./sql.ts";

/** A signed request to an agent that nobody can reach, on its way through the API. Opaque here. */
export interface RelayRequest extends JsonObject {
  method: string;
  path: string;
}

/** An agent that has not asked for commands for this long has not dialled in. */
const linkFreshMs = 45_000;

/** Leaves a request for the sandbox's agent and wakes its long-poll. Undefined: no agent is dialled in, so nobody would take it. */
export async function askThroughRelay(
  sql: Sql,
  ask: { sandboxId: string; request: RelayRequest; usableForMs: number },
): Promise<string | undefined> {
  const { rows } = await sql.query<{ id: string }>(
    `WITH asked AS (
       INSERT INTO agent_relays (sandbox_id, request, expires_at)
       SELECT l.sandbox_id, $2, now() + $3 * interval '1 millisecond' FROM agent_links l
       WHERE l.sandbox_id = $1 AND l.polled_at > now() - $4 * interval '1 millisecond' RETURNING id, sandbox_id)
     SELECT id, pg_notify('${channels.relay}', sandbox_id::text) FROM asked`,
    [ask.sandboxId, JSON.stringify(ask.request), ask.usableForMs, linkFreshMs],
  );
  return rows[0]?.id;
}

/** The agent of this sandbox is on the line. */
export async function noteAgentLink(sql: Sql, sandboxId: string): Promise<void> {
  await sql.query(
    `INSERT INTO agent_links (sandbox_id, polled_at) VALUES ($1, now())
     ON CONFLICT (sandbox_id) DO UPDATE SET polled_at = EXCLUDED.polled_at`,
    [sandboxId],
  );
}

/** Requests nobody has taken yet, oldest first; each is handed out once. One that gets lost on the way is sent anew by whoever asked. */
export async function takeRelayRequests(
  sql: Sql,
  sandboxId: string,
  limit: number,
): Promise<{ id: string; request: RelayRequest }[]> {
  const { rows } = await sql.query<{ id: string; request: RelayRequest; at: Date }>(
    `UPDATE agent_relays SET handed_at = now() WHERE id IN (
       SELECT id FROM agent_relays WHERE sandbox_id = $1 AND handed_at IS NULL AND expires_at > now()
       ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED)
     RETURNING id, request, created_at AS at`,
    [sandboxId, limit],
  );
  return rows.sort((a, b) => a.at.getTime() - b.at.getTime()).map(({ id, request }) => ({ id, request }));
}

/** Sandboxes with requests that nobody has taken: for a notification that was missed. */
export async function sandboxesWithRelayRequests(sql: Sql): Promise<string[]> {
  const { rows } = await sql.query<{ id: string }>(
    `SELECT DISTINCT sandbox_id AS id FROM agent_relays WHERE handed_at IS NULL AND expires_at > now()`,
  );
  return rows.map(({ id }) => id);
}

/** Stores an agent's answers to its own sandbox's requests and wakes who asked. How many were still waited for. */
export async function storeRelayAnswers(
  sql: Sql,
  sandboxId: string,
  answers: readonly { id: string; answer: JsonObject }[],
): Promise<number> {
  const { rows } = await sql.query(
    `WITH given AS (SELECT * FROM unnest($2::uuid[], $3::jsonb[]) AS g (id, answer)),
     stored AS (
       UPDATE agent_relays r SET answer = g.answer FROM given g
       WHERE r.id = g.id AND r.sandbox_id = $1 AND r.answer IS NULL AND r.expires_at > now() RETURNING r.id)
     SELECT pg_notify('${channels.relayAnswer}', id::text) FROM stored`,
    [sandboxId, answers.map(({ id }) => id), answers.map(({ answer }) => JSON.stringify(answer))],
  );
  return rows.length;
}

/** The answer, once there is one; the row goes with it. */
export async function takeRelayAnswer(sql: Sql, id: string): Promise<JsonObject | undefined> {
  const { rows } = await sql.query<{ answer: JsonObject }>(
    "DELETE FROM agent_relays WHERE id = $1 AND answer IS NOT NULL RETURNING answer",
    [id],
  );
  return rows[0]?.answer;
}

/** Nobody waits for it any more: an agent that has not taken it yet never will. */
export async function forgetRelayRequest(sql: Sql, id: string): Promise<void> {
  await sql.query("DELETE FROM agent_relays WHERE id = $1", [id]);
}
