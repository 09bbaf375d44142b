import type { AgentDeployCommand, AgentHealth } from "@valet/contracts";
import type { Result } from "@valet/shared";

/**
 * How the engine speaks to one sandbox's host. Each call is one try with a deadline: nothing here retries, the next tick
 * does. Every command carries an epoch, so sending one again is harmless.
 */
export interface HostDriver {
  observe(sandboxId: string, signal: AbortSignal): Promise<Result<AgentHealth, DriverError>>;
  deploy(order: CommandTo, command: AgentDeployCommand, signal: AbortSignal): Promise<CommandAnswer>;
  /** `generation` won: older ones drain, then stay warm for the rollback window. */
  settle(
    order: CommandTo,
    won: { generation: number; rollbackWindowMs: number },
    signal: AbortSignal,
  ): Promise<CommandAnswer>;
  rollback(order: CommandTo, to: { digest: string }, signal: AbortSignal): Promise<CommandAnswer>;
  drain(order: CommandTo, signal: AbortSignal): Promise<CommandAnswer>;
  undrain(order: CommandTo, signal: AbortSignal): Promise<CommandAnswer>;
  /** A no-op with a newer epoch: whatever older command is still on its way is refused from now on. */
  fence(order: CommandTo, signal: AbortSignal): Promise<CommandAnswer>;
  /** `force`: although tasks still run there; they are interrupted. */
  endGeneration(
    order: CommandTo,
    which: { generation: number; force: boolean },
    signal: AbortSignal,
  ): Promise<CommandAnswer>;
}

export interface CommandTo {
  sandboxId: string;
  deployId: string;
  epoch: number;
}

/** The host accepted the command. Accepted is not done: what came of it is observed. */
export type CommandAnswer = Result<{ message: string }, DriverError>;

export type DriverError =
  /** No answer that can be trusted in time: nothing is known, the command may or may not have arrived. */
  | { kind: "unreachable"; message: string }
  /** The host has seen this epoch or a newer one: it was taken before, or somebody newer was. */
  | { kind: "stale"; epoch: number | null; message: string }
  /** Another procedure runs there; later perhaps. */
  | { kind: "busy"; message: string }
  /** It will never be taken as it is. */
  | { kind: "refused"; status: number; message: string };
