import { agentDeployCommandSchema, agentDeploySchema, digestSchema } from "@valet/contracts";
import { canMove, generationStates, generationTransitions, type GenerationState } from "@valet/shared";
import { z } from "zod";
import { readJsonFile, writeDurably } from "./durable-file.ts";
import { restoreInPlace } from "./restore-in-place.ts";

const releaseRefSchema = z.object({ imageTag: z.string(), digest: digestSchema });
export type ReleaseRef = z.infer<typeof releaseRefSchema>;

export const generationRecordSchema = z.object({
  generation: z.number().int().min(1),
  state: z.enum(generationStates),
  imageTag: z.string(),
  desiredDigest: digestSchema,
  apiPort: z.number().int(),
  workerPort: z.number().int(),
  startedAt: z.string(),
  reason: z.string(),
  /** Once drained: kept warm, or ended (a bad version on its way out). */
  afterDrain: z.enum(["warm", "ended"]).default("warm"),
  /** Its slots are handed over one by one by the control plane; until none is left its worker is not told to drain. */
  handsOver: z.boolean().default(false),
  warmForMs: z.number().default(1_800_000),
  /** Wall time, ms since 1970; only while warm. */
  warmUntilMs: z.number().nullable().default(null),
});
export type GenerationRecord = z.infer<typeof generationRecordSchema>;

const deployRecordSchema = z.object({
  kind: z.enum(["deploy", "rollback"]),
  view: agentDeploySchema,
  command: agentDeployCommandSchema,
  /** Stop-first: what ran when the procedure began, for a host whose command names no way back. */
  before: releaseRefSchema.nullable(),
  /** Why the candidate failed; set when going back begins. */
  failure: z.string().nullable(),
  /** Why nobody wants it any more; written before whoever called it off is answered. */
  calledOff: z.string().nullable().default(null),
});
export type DeployRecord = z.infer<typeof deployRecordSchema>;

const targetedWorkerSchema = z.object({
  workerId: z.string(),
  name: z.string(),
  port: z.number().int(),
  /** The generation whose release and API it uses; null until there is one. */
  generation: z.number().int().nullable(),
});
export type TargetedWorkerRecord = z.infer<typeof targetedWorkerSchema>;

const hostStateSchema = z.object({
  nextGeneration: z.number().int().min(1),
  /** What was last settled on, and what before it: the recorded way back. */
  current: releaseRefSchema.nullable(),
  previous: releaseRefSchema.nullable(),
  /** Who drained this host: `operator` or deploy ids. One never lifts another's. */
  drainedBy: z.array(z.string()),
  generations: z.array(generationRecordSchema),
  deploys: z.array(deployRecordSchema),
  targetedWorkers: z.array(targetedWorkerSchema),
});
export type HostState = z.infer<typeof hostStateSchema>;

const endedKept = 5;
const deploysKept = 20;

export interface HostStateFile {
  readonly value: HostState;
  /** Changes the state and returns once the change is on disk. One that cannot be written is taken back and thrown. */
  update(change: (state: HostState) => void): void;
}

/** The agent's state on disk (`generations.json`): read once, written whole and synced with each change. */
export function openHostState(path: string): HostStateFile {
  const value = readJsonFile(path, hostStateSchema) ?? {
    nextGeneration: 1,
    current: null,
    previous: null,
    drainedBy: [],
    generations: [],
    deploys: [],
    targetedWorkers: [],
  };
  let written = structuredClone(value);
  return {
    value,
    update(change) {
      try {
        change(value);
        write();
      } catch (error) {
        restoreInPlace(value, structuredClone(written));
        throw error;
      }
    },
  };

  function write(): void {
    const ended = value.generations.filter(({ state }) => state === "ended").slice(-endedKept);
    value.generations = value.generations.filter((entry) => entry.state !== "ended" || ended.includes(entry));
    value.deploys = value.deploys.slice(-deploysKept);
    writeDurably(path, `${JSON.stringify(value, null, 1)}\n`);
    written = structuredClone(value);
  }
}

/** Moves a generation; a move that the table does not know is a broken invariant. */
export function moveGeneration(record: GenerationRecord, to: GenerationState, reason: string): void {
  if (record.state !== to && !canMove(generationTransitions, record.state, to)) {
    throw new Error(`generation ${record.generation} cannot go from ${record.state} to ${to}`);
  }
  record.state = to;
  record.reason = reason;
  if (to !== "warm") record.warmUntilMs = null;
}

/** Records what the host now runs for good; the one before becomes the way back. */
export function settleOn(state: HostState, release: ReleaseRef): void {
  if (state.current && state.current.digest !== release.digest) state.previous = state.current;
  state.current = release;
}

/** A procedure that made a host serve again lifts the drain of its own deploy, nobody else's. */
export function liftDrain(state: HostState, holder: string): void {
  state.drainedBy = state.drainedBy.filter((other) => other !== holder);
}

export const isLive = (record: GenerationRecord): boolean => record.state !== "ended";
