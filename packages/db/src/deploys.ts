import type { DeployState, Environment, Result, RolloutKnobs, Service } from "@valet/shared";
import type { DecisionRow, DeployRequest, DeployRow, DeploySummaryRow, NewDecision } from "./deploy-row.ts";
import type { Page, PageQuery, Sql, Tx } from "./sql.ts";
import { notBuilt } from "./not-built.ts";

export interface NewDeploy {
  environment: Environment;
  service: Service;
  releaseId: string;
  imageTag: string;
  imageDigest?: string | null;
  /** The last completed release of this environment and service is filled in when absent. */
  previousTag?: string | null;
  previousDigest?: string | null;
  /** `awaiting_trigger` tells admins (`deploy_ready`); `queued` is taken up by the engine. */
  state: "awaiting_trigger" | "awaiting_approval" | "queued";
  stateReason: string;
  knobs: RolloutKnobs;
  trigger: string;
  createdBy: string;
  sandboxIds?: string[] | null;
  /** A wish to begin with, e.g. a rollback to a given digest. */
  request?: DeployRequest | null;
  engine?: Record<string, unknown>;
}
export interface UnknownDeploy {
  kind: "unknown_deploy";
  message: string;
}
export interface DeployRevisionMoved {
  kind: "revision_moved";
  found: number;
  message: string;
}
export interface AnotherActive {
  kind: "another_active";
  deployId: string | null;
  message: string;
}
export interface IllegalDeployMove {
  kind: "illegal_transition";
  from: DeployState;
  to: DeployState;
  message: string;
}
export interface RequestRefused {
  kind: "request_pending" | "wrong_state";
  state: DeployState;
  message: string;
}

export async function createDeploy(_tx: Tx, _input: NewDeploy): Promise<DeployRow> {
  return notBuilt();
}
export async function loadDeploy(_sql: Sql, _id: string): Promise<DeployRow | undefined> {
  return notBuilt();
}
/** Deploys the engine has work with: queued, active, or carrying a request; oldest first. */
export async function listActiveDeploys(_sql: Sql): Promise<DeployRow[]> {
  return notBuilt();
}
/**
 * Saves the whole document (state, request, engine, hosts), its decisions, and gives each sandbox of `needEpoch` its next epoch
 * (also written to its host row). Refused when the row is no longer at `expectedRevision`: load and decide again (F16).
 */
export async function saveDeploy(
  _tx: Tx,
  _deploy: DeployRow,
  _expectedRevision: number,
  _decisions: readonly NewDecision[],
  _needEpoch?: readonly string[],
): Promise<
  Result<{ revision: number; epochs: Record<string, number> }, DeployRevisionMoved | AnotherActive | IllegalDeployMove>
> {
  return notBuilt();
}
/** Leaves a wish for the engine, once: of two at the same time one wins (F18). `abort` and `rollback` replace a pending wish. */
export async function setDeployRequest(
  _tx: Tx,
  _id: string,
  _request: DeployRequest,
  _options: { from: readonly DeployState[]; expectedRevision?: number },
): Promise<Result<DeployRow, UnknownDeploy | DeployRevisionMoved | RequestRefused>> {
  return notBuilt();
}
export async function listDeploys(
  _sql: Sql,
  _query: PageQuery & {
    environment?: Environment;
    service?: Service;
    state?: DeployState;
    sortBy: "createdAt" | "state" | "environment";
  },
): Promise<Page<DeploySummaryRow>> {
  return notBuilt();
}
export async function deploySummary(_sql: Sql, _id: string): Promise<DeploySummaryRow | undefined> {
  return notBuilt();
}
export async function decisionsOf(_sql: Sql, _id: string): Promise<DecisionRow[]> {
  return notBuilt();
}
/** Tag and digest of the last completed deploy: the only thing to go back to. */
export async function lastCompleted(
  _sql: Sql,
  _environment: Environment,
  _service: Service,
  _exceptDeployId?: string,
): Promise<{ deployId: string; imageTag: string; imageDigest: string } | undefined> {
  return notBuilt();
}
