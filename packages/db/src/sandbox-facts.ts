import type { CordonHolderKind, Environment, LeaseTimes, SandboxState, SlotState } from "@valet/shared";
import { activeDeployStates, sessionFreshHeartbeats } from "@valet/shared";
import type { Sql } from "./sql.ts";

/** Holder id of the cordon that health checks put on a sandbox nobody can reach. */
export const unreachableHolder = "unreachable";

/** What the database holds about a sandbox, as a deploy must know it before it drains or starts anything. */
export interface SandboxFactsRow {
  sandboxId: string;
  name: string;
  state: SandboxState;
  epoch: number;
  targetGeneration: number | null;
  targetSlots: number | null;
  sessionLive: boolean;
  /** Since when health checks have called it unreachable. */
  unreachableSince: number | null;
  slots: { index: number; generation: number | null; state: SlotState }[];
  /** `requeueable`: not interrupted before, and nothing was written yet or the task says that it may be run again. */
  openAttempts: { taskId: string; generation: number; requeueable: boolean }[];
  cordons: { holderKind: CordonHolderKind; holderId: string; reason: string }[];
  /** Other active deploys that are changing this sandbox right now. */
  otherDeploys: string[];
}

export interface FactsFor {
  id: string;
  environment: Environment;
  sandboxIds: readonly string[] | null;
  /** Sandboxes it began with; those that left service since are looked up too. */
  hosts: readonly { sandboxId: string }[];
}

/**
 * Every sandbox that a deploy of this environment concerns, in the order hosts are taken. Flat queries, put together here: as one
 * statement with JSON in it, 10,000 sandboxes and their tasks take seconds.
 */
export async function sandboxFacts(sql: Sql, deploy: FactsFor, times: LeaseTimes): Promise<SandboxFactsRow[]> {
  const facts = new Map<string, SandboxFactsRow>();
  for (const row of await concerned(sql, deploy, times)) {
    facts.set(row.sandboxId, {
      ...row,
      ...{ unreachableSince: null, slots: [], openAttempts: [], cordons: [], otherDeploys: [] },
    });
  }
  const ids = [...facts.keys()];
  for (const { sandboxId, ...slot } of await slotsOf(sql, ids)) facts.get(sandboxId)?.slots.push(slot);
  for (const { sandboxId, ...attempt } of await openAttemptsOf(sql, ids)) {
    facts.get(sandboxId)?.openAttempts.push(attempt);
  }
  for (const { sandboxId, createdAt, ...cordon } of await cordonsOf(sql, ids)) {
    const found = facts.get(sandboxId);
    if (!found) continue;
    found.cordons.push(cordon);
    const isSilent = cordon.holderKind === "health" && cordon.holderId === unreachableHolder;
    if (isSilent) found.unreachableSince = createdAt.getTime();
  }
  for (const { sandboxId, deployId } of await otherDeploysOn(sql, deploy.id)) {
    facts.get(sandboxId)?.otherDeploys.push(deployId);
  }
  return [...facts.values()].sort((a, b) => compareNames(a.name, b.name));
}

/** sandbox-2 before sandbox-10. */
const compareNames = new Intl.Collator("en", { numeric: true }).compare;

type Own = Pick<
  SandboxFactsRow,
  "sandboxId" | "name" | "state" | "epoch" | "targetGeneration" | "targetSlots" | "sessionLive"
>;

async function concerned(sql: Sql, deploy: FactsFor, times: LeaseTimes): Promise<Own[]> {
  const { rows } = await sql.query<Own>(
    `SELECT s.id AS "sandboxId", s.name, s.state, s.epoch, s.target_generation AS "targetGeneration",
       s.target_slots AS "targetSlots",
       EXISTS (SELECT 1 FROM sessions n WHERE n.sandbox_id = s.id AND n.closed_at IS NULL
         AND n.last_heartbeat_at > now() - $4 * interval '1 millisecond') AS "sessionLive"
     FROM sandboxes s
     WHERE ((s.environment = $1 AND s.state IN ('provisioning', 'active', 'deploying', 'unhealthy')) OR s.id = ANY ($2::uuid[]))
       AND ($3::uuid[] IS NULL OR s.id = ANY ($3))`,
    [
      deploy.environment,
      deploy.hosts.map((host) => host.sandboxId),
      deploy.sandboxIds,
      times.heartbeatMs * sessionFreshHeartbeats,
    ],
  );
  return rows;
}

async function slotsOf(sql: Sql, ids: readonly string[]) {
  const { rows } = await sql.query<SandboxFactsRow["slots"][number] & { sandboxId: string }>(
    `SELECT sandbox_id AS "sandboxId", index, generation, state FROM slots WHERE sandbox_id = ANY ($1::uuid[]) ORDER BY index`,
    [ids],
  );
  return rows;
}

async function openAttemptsOf(sql: Sql, ids: readonly string[]) {
  const { rows } = await sql.query<SandboxFactsRow["openAttempts"][number] & { sandboxId: string }>(
    `SELECT a.sandbox_id AS "sandboxId", a.task_id AS "taskId", a.generation,
       t.interruptions = 0 AND (t.restart = 'safe' OR NOT EXISTS (
         SELECT 1 FROM permits p WHERE p.task_id = a.task_id AND p.fence = a.fence)) AS requeueable
     FROM attempts a JOIN tasks t ON t.id = a.task_id WHERE a.sandbox_id = ANY ($1::uuid[]) AND a.ended_at IS NULL
     ORDER BY a.reserved_at, a.task_id`,
    [ids],
  );
  return rows;
}

async function cordonsOf(sql: Sql, ids: readonly string[]) {
  const { rows } = await sql.query<SandboxFactsRow["cordons"][number] & { sandboxId: string; createdAt: Date }>(
    `SELECT sandbox_id AS "sandboxId", holder_kind AS "holderKind", holder_id AS "holderId", reason, created_at AS "createdAt"
     FROM cordons WHERE sandbox_id = ANY ($1::uuid[]) ORDER BY created_at, holder_kind, holder_id`,
    [ids],
  );
  return rows;
}

/** Sandboxes that other active deploys, of any service, are in the middle of. */
export async function otherDeploysOn(sql: Sql, exceptDeployId: string) {
  const { rows } = await sql.query<{ sandboxId: string; deployId: string }>(
    `SELECT h.sandbox_id AS "sandboxId", d.id AS "deployId" FROM deploys d JOIN deploy_hosts h ON h.deploy_id = d.id
     WHERE d.id <> $1 AND d.state = ANY ($2)
       AND h.step IN ('starting', 'cordoned', 'draining', 'replacing', 'verifying', 'handing_over', 'rolling_back')
     ORDER BY d.id`,
    [exceptDeployId, activeDeployStates],
  );
  return rows;
}
