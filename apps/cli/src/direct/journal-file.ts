import { closeSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";
import { analysisConfigSchema, knobsSchema } from "@valet/contracts";
import {
  courseSchema,
  deployRequestSchema,
  type DeployDocument,
  engineStateSchema,
  hostEngineSchema,
  readJsonFile,
  writeDurably,
} from "@valet/rollout";
import { deployStates, environments, hostOrders, hostStepStates, sandboxStates, services } from "@valet/shared";
import { z } from "zod";
import { CliFailure } from "../failure.ts";
import { journalPlace } from "./journal-place.ts";

const time = z.number().nullable();
const documentSchema = z.object({
  id: z.uuid(),
  environment: z.enum(environments),
  service: z.enum(services),
  imageTag: z.string(),
  imageDigest: z.string().nullable(),
  byDigest: z.boolean().optional(),
  previousTag: z.string().nullable(),
  previousDigest: z.string().nullable(),
  state: z.enum(deployStates),
  stateReason: z.string(),
  revision: z.number().int(),
  knobs: knobsSchema,
  waitingOn: z.array(z.string()),
  request: deployRequestSchema.nullable(),
  engine: engineStateSchema,
  course: courseSchema,
  analysis: analysisConfigSchema.nullable(),
  createdBy: z.string(),
  ignoreFreeze: z.boolean(),
  sandboxIds: z.array(z.string()).nullable(),
  startedAt: time,
  endedAt: time,
  hosts: z.array(
    z.object({
      sandboxId: z.string(),
      name: z.string(),
      step: z.enum(hostStepStates),
      order: z.enum(hostOrders),
      reason: z.string(),
      oldGeneration: z.number().nullable(),
      newGeneration: z.number().nullable(),
      reportedDigest: z.string().nullable(),
      startedAt: time,
      endedAt: time,
      engine: hostEngineSchema,
    }),
  ),
});

const hostSchema = z.object({
  /** The sandbox's id, or `address:port` where only that is known: what the engine calls this host. */
  key: z.string(),
  sandboxId: z.string().nullable(),
  name: z.string(),
  address: z.string(),
  agentPort: z.number().int(),
  /** Nobody answered there when the deploy began. */
  isAway: z.boolean(),
  epoch: z.number().int(),
  targetGeneration: z.number().int().nullable(),
  isCordoned: z.boolean(),
  state: z.enum(sandboxStates),
});
export type JournalHost = z.infer<typeof hostSchema>;

const journalSchema = z.object({
  version: z.literal(1),
  document: documentSchema,
  actor: z.string(),
  createdAt: z.number(),
  /** Meant for every sandbox of the environment; hosts it did not reach converge to it. */
  isWhole: z.boolean(),
  lastCompleted: z.object({ tag: z.string(), digest: z.string() }).nullable(),
  hosts: z.array(hostSchema),
  decisions: z.array(z.object({ at: z.number(), summary: z.string(), data: z.record(z.string(), z.unknown()) })),
  /** When the API took it; null: it still waits for that. */
  uploadedAt: z.number().nullable(),
});
/** A deploy that is run past the API, whole: enough to go on after a kill, and to tell the API later. */
export interface DirectJournal extends Omit<z.infer<typeof journalSchema>, "document"> {
  document: DeployDocument;
}

/** Journals of a folder, one file a deploy, oldest first. */
export interface JournalFolder {
  list(): DirectJournal[];
  read(id: string): DirectJournal | undefined;
  /** On disk, whole, when this returns. */
  write(journal: DirectJournal): void;
  /** Only one process takes a deploy forward; throws when another one does. Call the answer to let go. */
  lock(id: string): () => void;
  pathOf(id: string): string;
}

/** The journals that belong to a folder. */
export function journalFolder(startFolder: string): JournalFolder {
  const folder = journalPlace(startFolder);
  const pathOf = (id: string) => join(folder, `${id}.json`);
  const read = (id: string): DirectJournal | undefined =>
    readJsonFile(pathOf(id), journalSchema as z.ZodType<DirectJournal>);
  return {
    pathOf,
    read,
    list: () =>
      (existsSync(folder) ? readdirSync(folder) : [])
        .filter((name) => /^[0-9a-f-]{36}\.json$/.test(name))
        .map((name) => read(name.slice(0, -5)))
        .filter((journal) => journal !== undefined)
        .sort((a, b) => a.createdAt - b.createdAt),
    write: (journal) => writeDurably(pathOf(journal.document.id), `${JSON.stringify(journal, null, 1)}\n`),
    lock: (id) => takeLock(`${pathOf(id)}.lock`),
  };
}

function takeLock(file: string): () => void {
  mkdirSync(dirname(file), { recursive: true });
  for (let triesLeft = 2; triesLeft > 0; triesLeft -= 1) {
    try {
      const handle = openSync(file, "wx", 0o600);
      writeSync(handle, String(process.pid));
      closeSync(handle);
      return () => rmSync(file, { force: true });
    } catch (error) {
      if (!(error instanceof Error) || !("code" in error) || error.code !== "EEXIST") throw error;
      const holder = Number(readFileSync(file, "utf8"));
      if (lives(holder)) {
        throw new CliFailure(`Process ${holder} is running this deploy already`, {
          code: "conflict",
          hint: "Watch it there, or end it first: this one then goes on.",
        });
      }
      // Its holder was killed.
      rmSync(file, { force: true });
    }
  }
  throw new CliFailure(`Could not lock ${file}`, { code: "conflict", hint: "Another valet began at the same moment." });
}

function lives(pid: number): boolean {
  try {
    return Number.isInteger(pid) && pid > 0 && process.kill(pid, 0);
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}
