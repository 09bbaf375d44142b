import type {
  Acknowledged,
  AssignmentRow,
  AttemptKey,
  AttemptOutcome,
  Completed,
  CordonHolderKind,
  Environment,
  EventInput,
  EventsResult,
  Finish,
  GenerationState,
  HeartbeatInput,
  HeartbeatResult,
  IllegalTaskMove,
  LeaseExpiry,
  LeaseTimes,
  PermitRefused,
  PermitRequest,
  ReserveResult,
  Result,
  SandboxState,
  SessionClosed,
  SlotPlanRow,
  SlotState,
  StaleFence,
  TaskError,
  TaskState,
  UnacknowledgedResult,
  UnknownTask,
} from "@valet/shared";
import type { SandboxLedger } from "../../memory-store.ts";

/** Rows of the memory task store. They are the store's own: read them, change them only through its operations. */
export interface MemoryTask {
  id: string;
  /** In order of submission. */
  place: number;
  tenantId: string;
  environment: Environment;
  spec: MemoryTaskSpec;
  /** Text of its placement: tasks that can go to the same places share it. */
  key: string;
  state: TaskState;
  stateReason: string;
  stepsDone: number;
  fence: number;
  attemptCount: number;
  interruptions: number;
  avoid: string[];
  cancelRequested: boolean;
  result: Record<string, unknown> | null;
  error: TaskError | null;
  sandboxId: string | null;
  enqueuedAt: number;
  /** Its place in the queue, smaller is sooner; null while it is not in it. */
  queueKey: number | null;
  queueExpiresAt: number;
  startedAt: number | null;
  endedAt: number | null;
  /** By fence, oldest first. */
  attempts: MemoryAttempt[];
}
export interface MemoryTaskSpec {
  steps: readonly unknown[];
  queueTimeoutMs: number;
  priority: number;
  placement: { labels: Record<string, string>; sandboxId?: string | undefined };
  retry: { maxAttempts: number };
  restart: "review" | "safe";
}
export interface MemoryAttempt extends AttemptKey {
  /** Counts acknowledged attempts from 1; 0 while reserved. */
  number: number;
  sandboxId: string;
  slot: number;
  generation: number;
  workerBootId: string | null;
  reservedAt: number;
  acknowledgedAt: number | null;
  leaseExpiresAt: number;
  endedAt: number | null;
  outcome: AttemptOutcome | null;
  reason: string | null;
  /** By step. */
  permits: Map<number, MemoryPermit>;
  /** Journal entries stored, by their number. */
  events: Map<number, { type: string; data: Record<string, unknown> }>;
}
export interface MemoryPermit {
  id: string;
  workerBootId: string;
  grantedAt: number;
  usableUntil: number;
  outcome: "done" | "failed" | null;
}
export interface MemorySlot {
  index: number;
  state: SlotState;
  generation: number | null;
  taskId: string | null;
  fence: number | null;
}
export interface MemoryGeneration {
  number: number;
  state: GenerationState;
  imageTag: string;
  imageDigest: string;
  workerBootId: string | null;
  bootSeenAt: number;
  accepting: boolean;
  spareReady: boolean;
  reportedAt: number;
}
export interface MemorySession {
  id: string;
  sandboxId: string;
  lastHeartbeatAt: number;
  isClosed: boolean;
}
export interface MemoryCordon {
  holderKind: CordonHolderKind;
  holderId: string;
  reason: string;
  createdAt: number;
}
export interface MemoryTaskSandbox {
  id: string;
  name: string;
  environment: Environment;
  labels: Record<string, string>;
  capacity: number;
  state: SandboxState;
  reachable: boolean;
  epoch: number;
  target: number | null;
  /** At most this many slots go to the target; null: all. */
  targetSlots: number | null;
  planRevision: number;
  unacknowledgedInARow: number;
  quarantinedUntil: number | null;
  cordons: MemoryCordon[];
  /** In order of their index. */
  slots: MemorySlot[];
  generations: Map<number, MemoryGeneration>;
  session: MemorySession | null;
  /** Attempts that have not ended. */
  open: Set<MemoryAttempt>;
}

export interface MemoryTasksOptions {
  clock: { now(): number };
  times: LeaseTimes;
  /** Ids for tasks, leases, sessions and permits: a new one at each call. */
  ids: () => string;
}
export interface NewMemorySandbox {
  id: string;
  name: string;
  environment: Environment;
  capacity: number;
  labels?: Record<string, string>;
  /** Default `active`. */
  state?: SandboxState;
}
export interface NewMemoryTask {
  tenantId: string;
  environment: Environment;
  spec: MemoryTaskSpec;
  idempotencyKey?: string;
  bodyHash?: string;
}
export interface IdempotencyConflict {
  kind: "idempotency_conflict";
  taskId: string;
  message: string;
}
export interface SessionNews {
  sandboxId: string;
  /** The live session, if there is one. */
  sessionId: string | null;
  assignments: AssignmentRow[];
  cancel: AttemptKey[];
  plan: SlotPlanRow;
}
export type TaskRequest = Result<MemoryTask, UnknownTask | IllegalTaskMove>;

/**
 * Tasks, attempts, slots and sandboxes in memory: the same operations as packages/db has in SQL, with the same guards, answers and
 * states (tests/equivalence). Synchronous, since each call is one transaction.
 */
export interface MemoryTasks extends SandboxLedger {
  readonly tasks: ReadonlyMap<string, MemoryTask>;
  readonly sandboxes: ReadonlyMap<string, MemoryTaskSandbox>;

  submitTask(task: NewMemoryTask): Result<{ task: MemoryTask; replayed: boolean }, IdempotencyConflict>;
  reserveTasks(input: { limit: number; environment?: Environment }): ReserveResult;
  expireQueued(): string[];
  expireUnacknowledged(): UnacknowledgedResult;
  expireLeases(): LeaseExpiry;
  requestCancel(taskId: string, who: { actor: string; tenantId?: string }): TaskRequest;
  retryTask(taskId: string, who: { actor: string; tenantId?: string }): TaskRequest;
  reviewTask(
    taskId: string,
    input: { actor: string; tenantId?: string; decision: "completed" | "failed" | "restart"; note: string },
  ): TaskRequest;
  /** A person takes over, or gives back: running ⇄ needs_human. */
  applyTaskCallback(
    taskId: string,
    callback: { status: "needs_human" | "resumed"; instructions?: string },
  ): TaskRequest;
  /** A sign that part of the control plane is awake. Without any, nothing counts as away. */
  beat(who: { kind: "control" | "api"; id: string }): void;

  /** Throws when there is no such sandbox. */
  openSession(sandboxId: string): MemorySession;
  closeSession(sessionId: string): boolean;
  touchSession(sessionId: string): boolean;
  sessionNews(sandboxId: string): SessionNews | undefined;
  assignmentsFor(sandboxId: string, options?: { unacknowledgedOnly?: boolean }): AssignmentRow[];
  cancelsFor(sandboxId: string): AttemptKey[];
  acknowledge(input: { sandboxId: string; ref: AttemptKey }): Result<Acknowledged, StaleFence>;
  applyHeartbeat(input: {
    sandboxId: string;
    sessionId: string;
    heartbeat: HeartbeatInput;
  }): Result<HeartbeatResult, SessionClosed>;
  grantPermit(
    ask: PermitRequest & { sandboxId: string },
  ): Result<{ permitId: string; usableForMs: number }, PermitRefused>;
  recordEvents(input: { sandboxId: string; events: readonly EventInput[] }): EventsResult;
  completeAttempts(sandboxId: string, finishes: readonly Finish[]): Completed[];

  addSandbox(sandbox: NewMemorySandbox): MemoryTaskSandbox;
  /** Moves along the transition table; false when the table has no such move. */
  moveSandbox(sandboxId: string, to: SandboxState): boolean;
  setCapacity(sandboxId: string, capacity: number): void;
  setReachable(sandboxId: string, isReachable: boolean): boolean;
  addCordon(sandboxId: string, cordon: Omit<MemoryCordon, "createdAt">): void;
  removeCordon(sandboxId: string, holder: Pick<MemoryCordon, "holderKind" | "holderId">): boolean;
  setTargetGeneration(sandboxId: string, generation: number | null, slots?: number | null): boolean;
  handOverSlots(sandboxId: string): number;
  handOverCandidates(): string[];
  slotPlan(sandboxId: string): SlotPlanRow | undefined;
  allowRelease(environment: Environment, imageDigest: string): void;
  disallowRelease(environment: Environment, imageDigest: string): void;
}
