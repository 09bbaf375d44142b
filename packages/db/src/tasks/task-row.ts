import type { AttemptOutcome, Environment, TaskError, TaskState } from "@valet/shared";
import type { JsonObject } from "../sql.ts";

/** What the database needs to know of a task's spec; the contract's TaskSpec fits. The rest is stored unread. */
export interface TaskSpecInput {
  url?: string | undefined;
  steps: readonly unknown[];
  queueTimeoutMs: number;
  priority: number;
  placement: { labels: Record<string, string>; sandboxId?: string | undefined };
  retry: { maxAttempts: number };
  restart: "review" | "safe";
  webhookUrl?: string | undefined;
  metadata: Record<string, string>;
}
export interface TaskRow {
  id: string;
  tenantId: string;
  environment: Environment;
  state: TaskState;
  stateReason: string;
  /** As it was submitted, defaults filled in: parse it with the contract's taskSubmitSchema. */
  spec: JsonObject;
  url: string | null;
  stepCount: number;
  stepsDone: number;
  priority: number;
  restart: "review" | "safe";
  maxAttempts: number;
  attemptCount: number;
  interruptions: number;
  fence: number;
  cancelRequested: boolean;
  result: JsonObject | null;
  error: TaskError | null;
  metadata: Record<string, string>;
  webhookUrl: string | null;
  sandboxId: string | null;
  sandboxName: string | null;
  createdAt: Date;
  enqueuedAt: Date;
  startedAt: Date | null;
  endedAt: Date | null;
}
export interface AttemptRow {
  taskId: string;
  fence: number;
  leaseId: string;
  number: number;
  sandboxId: string;
  sandboxName: string;
  slot: number;
  generation: number;
  releaseTag: string | null;
  releaseDigest: string | null;
  reservedAt: Date;
  acknowledgedAt: Date | null;
  leaseExpiresAt: Date;
  endedAt: Date | null;
  outcome: AttemptOutcome | null;
  reason: string | null;
}
export interface ArtifactRow {
  id: string;
  taskId: string;
  fence: number;
  name: string;
  contentType: string;
  sha256: string;
  bytes: number;
  createdAt: Date;
}
