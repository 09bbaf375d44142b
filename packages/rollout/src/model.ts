import { agentDeployPhases } from "@valet/contracts";
import { deployActionNames } from "@valet/shared";
import type { DeployState, Environment, HostOrder, HostStepState, RolloutKnobs, Service } from "@valet/shared";
import { z } from "zod";

/**
 * What the engine knows about one deploy, and all it knows: a process that reads this document, observes the hosts and
 * calls `decide` goes on exactly where another one was killed. Times are ms since 1970 on the clock passed to `decide`.
 */
export interface DeployDocument {
  id: string;
  environment: Environment;
  service: Service;
  imageTag: string;
  /** Pinned once resolved; every host is told this digest from then on. */
  imageDigest: string | null;
  /** The last COMPLETED release when this deploy started: the only thing hosts are ever sent back to. */
  previousTag: string | null;
  previousDigest: string | null;
  state: DeployState;
  stateReason: string;
  /** Guards every save: a document that was changed meanwhile is never overwritten. */
  revision: number;
  knobs: RolloutKnobs;
  waitingOn: string[];
  request: DeployRequest | null;
  engine: EngineState;
  /** Only these sandboxes; null: every one of the environment. */
  sandboxIds: string[] | null;
  startedAt: number | null;
  endedAt: number | null;
  hosts: HostStep[];
}

/** One sandbox's part in a deploy, in the order hosts are taken. */
export interface HostStep {
  sandboxId: string;
  name: string;
  step: HostStepState;
  order: HostOrder;
  /** What happened or what it waits for, for people; a host's own failure message verbatim. */
  reason: string;
  oldGeneration: number | null;
  newGeneration: number | null;
  /** Reported by the running processes themselves, never copied from what was asked for. */
  reportedDigest: string | null;
  startedAt: number | null;
  endedAt: number | null;
  engine: HostEngine;
}

const digest = z.string();
const epoch = z.number().int();
const issuedAt = z.number();

/** The command a host step stands on. It is sent, with this same epoch, on every tick until the host's ledger shows it. */
export const stepCommandSchema = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("deploy"), epoch, issuedAt }),
  z.object({ kind: z.literal("settle"), epoch, issuedAt, generation: z.number().int() }),
  z.object({ kind: z.literal("rollback"), epoch, issuedAt, digest }),
  z.object({ kind: z.literal("drain"), epoch, issuedAt }),
  z.object({ kind: z.literal("undrain"), epoch, issuedAt }),
  /** `leave`: once answered, nothing more is done to this host. */
  z.object({ kind: z.literal("fence"), epoch, issuedAt, leave: z.boolean() }),
  z.object({
    kind: z.literal("end_generation"),
    epoch,
    issuedAt,
    generation: z.number().int(),
    force: z.boolean(),
  }),
]);
export type StepCommand = z.infer<typeof stepCommandSchema>;
/** A command before it was given its epoch. */
export type CommandDraft = StepCommand extends infer C
  ? C extends StepCommand
    ? Omit<C, "epoch" | "issuedAt">
    : never
  : never;

export const hostEngineSchema = z.object({
  command: stepCommandSchema.nullable(),
  agentPhase: z.enum(agentDeployPhases).nullable(),
  phaseSince: z.number().nullable(),
  /** Last sign of progress; moved forward by the length of each pause. */
  progressedAt: z.number().nullable(),
  /** Slots still to be handed over; a smaller number is progress. */
  slotsLeft: z.number().int().nullable(),
  drainingSince: z.number().nullable(),
  unhealthySince: z.number().nullable(),
  /** The generation that freed slots of this sandbox go to; null: leave what the database says. */
  target: z.number().int().nullable(),
  /** The deploy's failure action was taken for this host's failure. */
  failureHandled: z.boolean(),
  /** Away, not failed: skipped or given up because nobody could reach it. It is converged when it returns. */
  absent: z.boolean(),
});
export type HostEngine = z.infer<typeof hostEngineSchema>;

/** The engine's own working state of the whole deploy; each kind holds only what that phase needs. */
export const engineStateSchema = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("waiting") }),
  /** `failing`: nothing new is started, what is in flight settles, then the deploy fails with this reason. */
  z.object({ kind: z.literal("rolling"), failing: z.string().nullable() }),
  z.object({ kind: z.literal("paused"), since: z.number(), failing: z.string().nullable() }),
  z.object({ kind: z.literal("baking"), since: z.number() }),
  z.object({ kind: z.literal("back"), since: z.number(), cause: z.string() }),
  z.object({ kind: z.literal("aborting"), since: z.number(), actor: z.string() }),
  z.object({ kind: z.literal("ended") }),
]);
export type EngineState = z.infer<typeof engineStateSchema>;

/** An operator's wish that the engine has not taken up yet. */
export const deployRequestSchema = z.object({
  kind: z.enum(deployActionNames),
  actor: z.string(),
  reason: z.string().default(""),
});
export type DeployRequest = z.infer<typeof deployRequestSchema>;

/** Why the engine did something: one sentence for people, and the data behind it. */
export interface Decision {
  summary: string;
  data: Record<string, unknown>;
}

export function freshHostEngine(): HostEngine {
  return {
    command: null,
    agentPhase: null,
    phaseSince: null,
    progressedAt: null,
    slotsLeft: null,
    drainingSince: null,
    unhealthySince: null,
    target: null,
    failureHandled: false,
    absent: false,
  };
}
