import { deployActionNames, drainDeadlineActions, failureActions, hostOrders, strategies } from "@valet/shared";
import { z } from "zod";

/** What may go wrong with the machinery. Each is one kind of the coverage. */
export const faultKinds = [
  "crash-controller",
  "crash-before-save",
  "crash-after-save",
  "crash-between-effects",
  "second-controller",
  "slow-store",
  "cut-to-host",
  "cut-from-host",
  "cut-both",
  "cut-worker-from-api",
  "slow-link",
  "duplicate-messages",
  "reorder-messages",
  "jump-host-clock",
  "jump-controller-clock",
  "lose-host",
  "lose-disk",
  "kill-agent",
  "kill-gh-worker",
  "pull-fails",
  "move-tag",
  "lie-about-version",
  "crash-loop",
  "fill-memory",
  "lose-connection",
] as const;
export type FaultKind = (typeof faultKinds)[number];

/** What people and clients do meanwhile; they are faults to whoever is in the middle of something. */
export const deedKinds = [
  "new-deploy",
  ...deployActionNames,
  "cordon",
  "uncordon",
  "submit-tasks",
  "cancel-task",
] as const;
export type DeedKind = (typeof deedKinds)[number];

/** Whoever asks for deploys and approves them. */
export const people = ["olga", "otto", "ida"] as const;

export const releaseBehaviours = [
  "good",
  "never-healthy",
  "crash-looping",
  "fails-tasks",
  "reports-another",
  "reports-nothing",
] as const;
export type ReleaseBehaviour = (typeof releaseBehaviours)[number];

const ms = z.number().int().min(0);
const hostCount = z.union([z.number().int().min(0), z.templateLiteral([z.number(), "%"])]);
const knobsSchema = z.strictObject({
  strategy: z.enum(strategies),
  order: z.enum(hostOrders),
  maxParallel: hostCount,
  maxUnavailable: hostCount,
  canarySteps: z.array(z.strictObject({ hosts: hostCount, taskSharePct: z.number().int(), bakeMs: ms })),
  autoPromote: z.boolean(),
  analyse: z.boolean(),
  autoRevert: z.boolean(),
  mayOverlap: z.boolean(),
  minHealthyMs: ms,
  healthyDeadlineMs: ms,
  progressDeadlineMs: ms,
  failureAction: z.enum(failureActions),
  drainTimeoutMs: ms,
  drainPollMs: ms,
  drainDeadlineAction: z.enum(drainDeadlineActions),
  rollbackWindowMs: ms,
});

const faultSchema = z.strictObject({
  atMs: ms,
  kind: z.enum(faultKinds),
  /** The host it strikes; absent for controllers and the registry. */
  host: z.string().optional(),
  /** How long it lasts; for clocks: how far they jump, back when negative. */
  forMs: z.number().int().default(0),
});
const deedSchema = z.discriminatedUnion("kind", [
  z.strictObject({
    atMs: ms,
    kind: z.literal("new-deploy"),
    tag: z.string(),
    knobs: knobsSchema,
    awaits: z.enum(["nothing", "trigger", "approval"]),
    /** GHOST-HANDS when left out; the other service runs on the same hosts. */
    service: z.enum(["ghosthands", "valet-worker"]).optional(),
    createdBy: z.string().optional(),
  }),
  z.strictObject({ atMs: ms, kind: z.enum(deployActionNames), by: z.string().optional() }),
  z.strictObject({ atMs: ms, kind: z.enum(["cordon", "uncordon"]), host: z.string() }),
  z.strictObject({
    atMs: ms,
    kind: z.literal("submit-tasks"),
    tasks: z.array(
      z.strictObject({
        id: z.string(),
        restart: z.enum(["review", "safe"]),
        steps: z.array(z.strictObject({ forMs: ms, write: z.boolean() })),
      }),
    ),
  }),
  z.strictObject({ atMs: ms, kind: z.literal("cancel-task"), task: z.string() }),
]);
export const happeningSchema = z.union([faultSchema, deedSchema]);
export type Happening = z.infer<typeof happeningSchema>;
export type Fault = z.infer<typeof faultSchema>;
export type Deed = z.infer<typeof deedSchema>;

/**
 * One whole story before it is told: `pnpm sim --script FILE` replays it. All that a seed draws is in here, but for the delays of
 * messages and the order of events of one moment, which `seed` fixes.
 */
export const scriptSchema = z.strictObject({
  version: z.literal(1),
  seed: z.number().int(),
  environment: z.enum(["staging", "production"]),
  hosts: z
    .array(
      z.strictObject({
        name: z.string(),
        slots: z.number().int().min(1),
        /** How many further generations its memory holds beside the one that serves; left out: its agent does not say. */
        rooms: z.number().int().min(0).optional(),
        /** How its agent is reached: at its port, over the connection that it holds itself, or both. */
        way: z.enum(["direct", "dial-out", "both"]).optional(),
      }),
    )
    .min(1)
    .max(50),
  releases: z.array(
    z.strictObject({
      tag: z.string(),
      behaviour: z.enum(releaseBehaviours),
      fetchMs: ms,
      bootMs: ms,
      /** Which shape of the database it needs; left out: any. */
      needs: z.enum(["old", "both", "new"]).optional(),
      /** What its migration does before it starts: adds the new shape, or takes the old one away. */
      migration: z.enum(["expand", "contract"]).optional(),
    }),
  ),
  freezes: z
    .array(
      z.strictObject({
        ...{ name: z.string(), fromMs: z.number().int(), toMs: z.number().int() },
        /** Written as a time of day of each week rather than as two moments. */
        isWeekly: z.boolean(),
        pauses: z.boolean(),
      }),
    )
    .optional(),
  /** How many people must approve each deploy. */
  approvals: z.number().int().min(0).optional(),
  controllerTickMs: z.number().int().min(100),
  leaseMs: z.number().int().min(1000),
  /** Share of observations that travel as slowly as commands do. */
  slowObservations: z.number().min(0).max(1),
  /** From here on everything is mended and nothing new happens: all must come to its end. */
  calmAtMs: ms,
  happenings: z.array(happeningSchema),
});
export type Script = z.infer<typeof scriptSchema>;
export type ScriptKnobs = z.infer<typeof knobsSchema>;

export function isFault(happening: Happening): happening is Fault {
  return (faultKinds as readonly string[]).includes(happening.kind);
}

export const firstTag = "v1";
