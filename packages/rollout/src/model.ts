import { agentDeployPhases } from "@valet/contracts";
import { deployActionNames } from "@valet/shared";
import type { DeployState, Environment, HostOrder, HostStepState, RolloutKnobs, Service } from "@valet/shared";
import { z } from "zod";
import { analysisStateSchema, type AnalysisConfig, type AnalysisResult } from "./analysis/model.ts";

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
  /** Pulled by its digest alone, wherever the tag points by now: a deploy back, or one for hosts that were away. */
  byDigest?: boolean;
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
  /** How far the strategy has come; kept through pauses. */
  course: Course;
  /** How its canary is judged; null: by the defaults, when the knobs say that it is judged. */
  analysis: AnalysisConfig | null;
  /** Whoever asked for it; may not approve it. */
  createdBy: string;
  /** An admin said so, or it takes something back: no freeze window holds it. */
  ignoreFreeze: boolean;
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

/** Measured, ms. `changeMs`: from the deploy command to `updated`, all of it; `drainMs`: stop-first, from the drain to drained. */
export const hostTimingsSchema = z.object({
  fetchMs: z.number().optional(),
  bootMs: z.number().optional(),
  verifyMs: z.number().optional(),
  drainMs: z.number().optional(),
  changeMs: z.number().optional(),
});
export type HostTimings = z.infer<typeof hostTimingsSchema>;

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
  /** At its place for now: at its cap of slots, or verified before the switch. Its progress clock stands. */
  holds: z.boolean().default(false),
  /** At most this many slots go to the target; null: all. */
  targetSlots: z.number().int().nullable().default(null),
  /** What this change of the host took, for the plans of later deploys. */
  timings: hostTimingsSchema.default({}),
});
export type HostEngine = z.infer<typeof hostEngineSchema>;

/** The engine's own working state of the whole deploy; each kind holds only what that phase needs. */
export const engineStateSchema = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("waiting") }),
  /** `failing`: nothing new is started, what is in flight settles, then the deploy fails with this reason. */
  z.object({ kind: z.literal("rolling"), failing: z.string().nullable() }),
  z.object({
    kind: z.literal("paused"),
    since: z.number(),
    failing: z.string().nullable(),
    /** `analysis`: promote goes on without its answer. */
    cause: z.enum(["operator", "failure", "drain", "analysis"]).default("operator"),
  }),
  z.object({ kind: z.literal("baking"), since: z.number() }),
  z.object({ kind: z.literal("back"), since: z.number(), cause: z.string() }),
  z.object({ kind: z.literal("aborting"), since: z.number(), actor: z.string() }),
  z.object({ kind: z.literal("ended") }),
]);
export type EngineState = z.infer<typeof engineStateSchema>;

/** Where the strategy stands, whatever the deploy's state. Written by the engine alone. */
export const courseSchema = z.object({
  /** Canary: the step it is in, from 0; the number of steps once it is past them. */
  step: z.number().int().default(0),
  /** Since when every host of this step has been at its place; null while they are on their way. Moved on by each pause. */
  bakingSince: z.number().nullable().default(null),
  /** A person let it go on: past this canary step, the switch, or the final bake. Taken back at the next one. */
  promoted: z.boolean().default(false),
  /** Blue-green: all hosts were told to hand over, in one save. */
  switched: z.boolean().default(false),
  /** Why the strategy's steps are left out; null: they are not. */
  skipsSteps: z.string().nullable().default(null),
  /** The canary's analysis and each of its looks; null before the first canary task could run. */
  analysis: analysisStateSchema.nullable().default(null),
  /** Since when the canary has been watched; moved on by each pause. */
  watchedSince: z.number().nullable().default(null),
  /** A person let it go on without a verdict, or against it. */
  overruled: z.boolean().default(false),
});
export type Course = z.infer<typeof courseSchema>;
export const freshCourse = (): Course => courseSchema.parse({});

/** What the canary's latest look said, with its numbers. */
export function lastAnalysisOf(deploy: Pick<DeployDocument, "course">): AnalysisResult | null {
  return deploy.course.analysis?.results.at(-1) ?? null;
}

/** True while the store must read the tasks of both releases: a canary is judged and has no final verdict. */
export function isAnalysing(deploy: Pick<DeployDocument, "state" | "course">): boolean {
  return deploy.state === "in_progress" && deploy.course.analysis !== null && !lastAnalysisOf(deploy)?.final;
}

/** An operator's wish that the engine has not taken up yet. */
export const deployRequestSchema = z.object({
  kind: z.enum(deployActionNames),
  actor: z.string(),
  reason: z.string().default(""),
  /** Rollback: to this release rather than the last completed one. */
  toDigest: z.string().nullable().default(null),
  /** Its tag, for people. */
  toTag: z.string().nullable().default(null),
});
export type DeployRequest = z.infer<typeof deployRequestSchema>;

/** Why the engine did something: one sentence for people, and the data behind it. */
export interface Decision {
  /** Whose wish it follows; absent: the engine's own. */
  actor?: string;
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
    holds: false,
    targetSlots: null,
    timings: {},
  };
}
