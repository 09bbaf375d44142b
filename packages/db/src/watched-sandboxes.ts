import { activeDeployStates, sessionFreshHeartbeats } from "@valet/shared";
import type { Environment, LeaseTimes } from "@valet/shared";
import type { CordonRow, SandboxRow } from "./sandbox-row.ts";
import type { Sql } from "./sql.ts";

/** What the health watch must know of a sandbox, and no more: it looks at all of them every few seconds. */
export interface WatchedSandbox extends Pick<
  SandboxRow,
  | "id"
  | "name"
  | "state"
  | "stateReason"
  | "revision"
  | "epoch"
  | "targetGeneration"
  | "targetSlots"
  | "activeTaskCount"
> {
  cordons: Pick<CordonRow, "holderKind" | "holderId">[];
  isSessionLive: boolean;
  /** An active deploy has taken it up or will: what it runs is that deploy's business. */
  isInDeploy: boolean;
}

const inService = "s.state IN ('provisioning', 'active', 'deploying', 'unhealthy')";

/** Sandboxes that a deploy must reach, by name: not stopped, terminating or terminated. */
export async function sandboxIdsInService(sql: Sql, environment: Environment): Promise<string[]> {
  const { rows } = await sql.query<{ id: string }>(
    `SELECT s.id FROM sandboxes s WHERE s.environment = $1 AND ${inService} ORDER BY s.name, s.id`,
    [environment],
  );
  return rows.map((row) => row.id);
}

/** Those of the given ones that are still in service, as they are now. */
export async function watchedSandboxes(sql: Sql, ids: readonly string[], times: LeaseTimes): Promise<WatchedSandbox[]> {
  const { rows } = await sql.query<WatchedSandbox>(
    `SELECT s.id, s.name, s.state, s.state_reason AS "stateReason", s.revision, s.epoch,
       s.target_generation AS "targetGeneration", s.target_slots AS "targetSlots",
       (SELECT count(*) FROM slots l WHERE l.sandbox_id = s.id AND l.task_id IS NOT NULL) AS "activeTaskCount",
       coalesce((SELECT jsonb_agg(jsonb_build_object('holderKind', c.holder_kind, 'holderId', c.holder_id))
         FROM cordons c WHERE c.sandbox_id = s.id), '[]') AS cordons,
       EXISTS (SELECT 1 FROM sessions n WHERE n.sandbox_id = s.id AND n.closed_at IS NULL
         AND n.last_heartbeat_at > now() - $2 * interval '1 millisecond') AS "isSessionLive",
       EXISTS (SELECT 1 FROM deploys d JOIN deploy_hosts h ON h.deploy_id = d.id
         WHERE d.state = ANY ($3) AND h.sandbox_id = s.id AND h.step <> 'skipped') AS "isInDeploy"
     FROM sandboxes s WHERE s.id = ANY ($1::uuid[]) AND ${inService} ORDER BY s.name, s.id`,
    [ids, times.heartbeatMs * sessionFreshHeartbeats, activeDeployStates],
  );
  return rows;
}

/** Where a sandbox's agent is, and its sealed key; it stays inside the control plane. */
export interface AgentAddressRow {
  id: string;
  name: string;
  publicIp: string;
  agentPort: number;
  sealedAgentKey: string;
}

/** Terminated sandboxes have none. */
export async function agentAddressRows(sql: Sql, ids: readonly string[]): Promise<AgentAddressRow[]> {
  const { rows } = await sql.query<AgentAddressRow>(
    `SELECT id, name, public_ip AS "publicIp", agent_port AS "agentPort", agent_key_sealed AS "sealedAgentKey"
     FROM sandboxes WHERE id = ANY ($1::uuid[]) AND state <> 'terminated'`,
    [ids],
  );
  return rows;
}
