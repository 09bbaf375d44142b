import type { CordonHolderKind, EndStatus, Environment, SandboxState } from "@valet/shared";

/**
 * One command of a random sequence, as it is printed and replayed. Sandboxes, tasks and attempts are named by number, modulo how many
 * there are, so that a sequence stays meaningful when others are taken out of it. `luck` settles every further choice.
 */
export type Command =
  | { op: "sandbox"; capacity: number; labels: Record<string, string>; environment: Environment }
  | { op: "session"; sandbox: number; change: "open" | "close" | "touch" | "touch_old" }
  | { op: "release"; environment: Environment; digest: "a" | "b" | "c"; isAllowed: boolean }
  | { op: "target"; sandbox: number; generation: number | null; slots: number | null }
  | { op: "host"; sandbox: number; generation: number; change: HostChange }
  | { op: "heartbeat"; sandbox: number; luck: number }
  | { op: "submit"; tenant: number; luck: number; key: number | null }
  | { op: "reserve"; limit: number; environment: Environment | null }
  | { op: "acknowledge"; attempt: number; twist: Twist }
  | { op: "permit"; attempt: number; step: number; otherBoot: boolean; twist: Twist }
  | { op: "events"; attempt: number; luck: number; twist: Twist }
  | { op: "complete"; attempt: number; status: EndStatus; twist: Twist }
  | { op: "expire"; what: "unacknowledged" | "leases" | "queued" }
  | { op: "advance"; ms: number; isAttended: boolean }
  | { op: "beat"; kind: "control" | "api"; id: number }
  | { op: "cordon"; sandbox: number; holder: CordonHolderKind; isLifted: boolean }
  | { op: "hand_over"; sandbox: number }
  | { op: "request"; task: number; what: TaskRequestKind; isOtherTenant: boolean }
  | { op: "capacity"; sandbox: number; capacity: number }
  | { op: "reachable"; sandbox: number; isReachable: boolean }
  | { op: "move"; sandbox: number; to: SandboxState }
  | { op: "look"; sandbox: number };

/** Of a reference: whether it is as it should be. */
export type Twist = "none" | "wrong_lease" | "wrong_sandbox" | "older_fence";
export type HostChange = "boot" | "restart" | "end" | "silence" | "answer" | "drain" | "accept";
export type TaskRequestKind = "cancel" | "retry" | "completed" | "failed" | "restart" | "needs_human" | "resumed";
