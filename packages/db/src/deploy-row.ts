import type {
  DeployActionName,
  DeployState,
  Environment,
  HostOrder,
  HostStepState,
  RolloutKnobs,
  Service,
} from "@valet/shared";
import type { JsonObject } from "./sql.ts";

export interface DeployHostRow {
  sandboxId: string;
  sandboxName: string;
  position: number;
  step: HostStepState;
  order: HostOrder;
  reason: string;
  epoch: number | null;
  oldGeneration: number | null;
  newGeneration: number | null;
  reportedDigest: string | null;
  /** The engine's own working state of this host; opaque here. */
  engine: JsonObject;
  startedAt: Date | null;
  endedAt: Date | null;
}
/** An operator's wish that the engine has not taken up yet. */
export interface DeployRequest {
  verb: DeployActionName;
  actor: string;
  reason: string;
  /** Whatever the verb carries: knobs, toDigest. */
  data?: JsonObject;
  at: string;
}
export interface DeployRow {
  id: string;
  environment: Environment;
  service: Service;
  releaseId: string;
  imageTag: string;
  imageDigest: string | null;
  previousTag: string | null;
  previousDigest: string | null;
  state: DeployState;
  stateReason: string;
  revision: number;
  knobs: RolloutKnobs;
  waitingOn: string[];
  request: DeployRequest | null;
  /** The engine's own working state; opaque here. */
  engine: JsonObject;
  trigger: string;
  createdBy: string;
  /** null: the whole environment. */
  sandboxIds: string[] | null;
  createdAt: Date;
  startedAt: Date | null;
  endedAt: Date | null;
  /** How its canary is judged (`analysisConfigSchema`); null: it is not. */
  analysis: JsonObject | null;
  /** Version of the environment's configuration that its knobs were resolved from; null: there was none. */
  configVersion: number | null;
  /** People other than `createdBy` and `askedBy` who must approve it first. */
  requiredApprovals: number;
  /** No freeze window holds it: an admin said so, or it is a rollback. */
  ignoreFreeze: boolean;
  /** Who triggered it, when that is not who created it. */
  askedBy: string | null;
  /** In their order of change; empty until the engine planned them. */
  hosts: DeployHostRow[];
}
/** Beside a deploy in lists and views. */
export interface DeploySummaryRow extends Omit<DeployRow, "hosts" | "engine"> {
  commitSha: string | null;
  commitMessage: string | null;
  hostsTotal: number;
  hostsUpdated: number;
  hostsFailed: number;
}
export interface DecisionRow {
  seq: number;
  at: Date;
  actor: string;
  summary: string;
  data: JsonObject;
}
export interface NewDecision {
  actor: string;
  summary: string;
  data?: JsonObject;
}
