import type { AgentDeployCommand } from "@valet/contracts";
import type { CordonHolderKind, SandboxState } from "@valet/shared";

/** A command to one host. Performed after the save, derived anew on each tick, safe to send again: the epoch fences it. */
export type Effect = { sandboxId: string; deployId: string; epoch: number } & (
  | { kind: "deploy"; command: AgentDeployCommand }
  | { kind: "settle"; generation: number; rollbackWindowMs: number }
  | { kind: "rollback"; digest: string }
  | { kind: "drain" }
  | { kind: "undrain" }
  | { kind: "fence" }
  | { kind: "end_generation"; generation: number; force: boolean }
);

/**
 * A change of the database's own rows. Written in the SAME transaction as the document, so that a crash cannot come
 * between; derived anew from desired versus observed, so that somebody else's change is seen and answered.
 */
export type Write =
  | { kind: "claim_epoch"; sandboxId: string; epoch: number }
  | { kind: "move_sandbox"; sandboxId: string; from: SandboxState; to: SandboxState; reason: string }
  | { kind: "cordon"; sandboxId: string; holderKind: CordonHolderKind; holderId: string; reason: string }
  | { kind: "uncordon"; sandboxId: string; holderKind: CordonHolderKind; holderId: string }
  /** `slots`: at most this many go to the generation; null: all. */
  | { kind: "set_target"; sandboxId: string; generation: number; slots: number | null }
  | { kind: "allow_release"; digest: string; reason: string }
  | { kind: "disallow_release"; digest: string; reason: string };
