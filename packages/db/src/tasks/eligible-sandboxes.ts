import { freshMs } from "@valet/shared";
import type { EligibleSandbox, Environment, LeaseTimes } from "@valet/shared";
import type { Sql } from "../sql.ts";

/** Sandboxes `s` that are in service, reachable, not cordoned or quarantined, with a live session. $1: its longest silence, in ms. */
const sandboxes = `sandboxes s
    JOIN sessions n ON n.sandbox_id = s.id AND n.closed_at IS NULL
      AND n.last_heartbeat_at > now() - $1 * interval '1 millisecond'`;
const inService = `s.state IN ('active', 'deploying') AND s.reachable
    AND (s.quarantined_until IS NULL OR s.quarantined_until < now())
    AND NOT EXISTS (SELECT 1 FROM cordons c WHERE c.sandbox_id = s.id)`;
/** Their slots `l` on a generation that accepts, and runs a release that its environment allows (F28). */
const usableSlots = `FROM generations g
        JOIN allowed_releases r ON r.environment = s.environment AND r.service = 'ghosthands' AND r.image_digest = g.image_digest
        JOIN slots l ON l.sandbox_id = s.id AND l.generation = g.number
      WHERE g.sandbox_id = s.id AND g.accepting AND g.state <> 'ended'`;

const withFreeSlots = (which: string): string => `
  SELECT s.id, s.environment, s.labels, s.plan_revision, free.slots
  FROM ${sandboxes}
    CROSS JOIN LATERAL (
      SELECT jsonb_agg(jsonb_build_object('index', l.index, 'generation', l.generation) ORDER BY l.index) AS slots
      ${usableSlots} AND l.state = 'accepting') AS free
  WHERE ${inService} AND ($2::text IS NULL OR s.environment = $2) AND free.slots IS NOT NULL AND ${which}
  ORDER BY s.id LIMIT $3`;

/**
 * Sandboxes with at least one free slot. Of more than `most`, those that follow a random id: to look for the emptiest of a large
 * fleet for every task would cost more than the task.
 */
export async function sandboxesWithFreeSlots(
  sql: Sql,
  times: LeaseTimes,
  { environment, most }: { environment?: Environment | undefined; most: number },
): Promise<EligibleSandbox[]> {
  const { rows } = await sql.query<EligibleSandbox>(
    `SELECT id, environment, labels, plan_revision AS "planRevision", slots AS "freeSlots"
     FROM ((${withFreeSlots("s.id >= $4::uuid")}) UNION ALL (${withFreeSlots("s.id < $4::uuid")})) AS found LIMIT $3`,
    [freshMs(times), environment ?? null, most, crypto.randomUUID()],
  );
  return rows;
}

/** Sandboxes that could take work, free or busy. */
export async function eligibleSandboxes(
  sql: Sql,
  times: LeaseTimes,
): Promise<{ id: string; environment: Environment; labels: Record<string, string> }[]> {
  const { rows } = await sql.query<{ id: string; environment: Environment; labels: Record<string, string> }>(
    `SELECT s.id, s.environment, s.labels FROM ${sandboxes}
     WHERE ${inService} AND EXISTS (SELECT 1 ${usableSlots} AND l.state <> 'offline')`,
    [freshMs(times)],
  );
  return rows;
}
