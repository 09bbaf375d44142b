import type {
  CordonHolderKind,
  EndStatus,
  Environment,
  EventInput,
  HeartbeatInput,
  LeaseTimes,
  SandboxState,
} from "@valet/shared";
import type { TestSpec } from "./specs.ts";
import type { TaskRequestKind } from "./commands.ts";

/** An attempt, whatever lease id a store gave it. */
export interface Ref {
  taskId: string;
  fence: number;
  lease: "right" | "wrong";
}

/** A heartbeat with references in place of lease ids. */
export type RefHeartbeat = Omit<HeartbeatInput, "attempts" | "generations"> & {
  attempts: Ref[];
  generations: (Omit<HeartbeatInput["generations"][number], "attempts"> & { attempts: Ref[] })[];
};

/** One operation with everything settled: both stores are given the same. */
export type Call =
  /** `id`: what the database gave it. */
  | {
      op: "sandbox";
      id?: string;
      name: string;
      capacity: number;
      labels: Record<string, string>;
      environment: Environment;
    }
  | { op: "openSession"; sandboxId: string }
  | { op: "closeSession"; session: number }
  | { op: "touchSession"; session: number }
  | { op: "release"; environment: Environment; digest: string; isAllowed: boolean }
  | { op: "target"; sandboxId: string; generation: number | null; slots: number | null }
  | { op: "heartbeat"; sandboxId: string; session: number; heartbeat: RefHeartbeat }
  | { op: "submit"; tenantId: string; environment: Environment; spec: TestSpec; key: string | null; body: string }
  | { op: "reserve"; limit: number; environment: Environment | null }
  | { op: "acknowledge"; sandboxId: string; ref: Ref }
  | { op: "permit"; sandboxId: string; ref: Ref; stepIndex: number; workerBootId: string }
  | { op: "events"; sandboxId: string; events: (Omit<EventInput, "taskId" | "fence" | "leaseId"> & { ref: Ref })[] }
  | { op: "complete"; sandboxId: string; ref: Ref; status: EndStatus }
  | { op: "expireUnacknowledged" }
  | { op: "expireLeases" }
  | { op: "expireQueued" }
  | { op: "beat"; kind: "control" | "api"; id: string }
  | { op: "cordon"; sandboxId: string; holder: CordonHolderKind }
  | { op: "uncordon"; sandboxId: string; holder: CordonHolderKind }
  | { op: "handOver"; sandboxId: string }
  | { op: "request"; taskId: string; what: TaskRequestKind; tenantId: string | null }
  | { op: "capacity"; sandboxId: string; capacity: number }
  | { op: "reachable"; sandboxId: string; isReachable: boolean }
  | { op: "move"; sandboxId: string; to: SandboxState }
  | { op: "look"; sandboxId: string };

export type CallOf<K extends Call["op"]> = Extract<Call, { op: K }>;
export type Handlers = { [K in Call["op"]]: (call: CallOf<K>) => unknown };

/** Ids that a store made up, and what both stores call them. */
export interface Names {
  of: Map<string, string>;
  /** By task and fence. */
  leases: Map<string, string>;
  sessions: string[];
  permits: number;
}

export const noNames = (): Names => ({ of: new Map(), leases: new Map(), sessions: [], permits: 0 });

/** Health checks have one holder of their own, which the deploy engine knows. */
export const holderOf = (kind: CordonHolderKind): string => (kind === "health" ? "unreachable" : "test");

/** Short enough that a few commands run into every limit; whole seconds. */
export const testTimes: LeaseTimes = {
  leaseMs: 30_000,
  deadlineMs: 22_000,
  heartbeatMs: 6_000,
  confirmMs: 1_000,
  confirmFreshMs: 4_000,
  acknowledgeMs: 5_000,
  permitMs: 3_000,
};
