import {
  closeSync,
  constants,
  fdatasync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { taskEventSchema } from "@valet/contracts";
import { z } from "zod";

const sync = promisify(fdatasync);

const acceptedSchema = z.object({
  kind: z.literal("accepted"),
  jobId: z.string(),
  taskId: z.string(),
  fence: z.number().int(),
  leaseId: z.string(),
  slot: z.number().int().nullable(),
  generation: z.number().int(),
  bootId: z.string(),
  at: z.string(),
});
const recordSchema = z.discriminatedUnion("kind", [
  acceptedSchema,
  z.object({ kind: z.literal("event"), event: taskEventSchema }),
  z.object({ kind: z.literal("permit"), stepIndex: z.number().int(), askId: z.string(), at: z.string() }),
  z.object({ kind: z.literal("acknowledged"), throughSeq: z.number().int() }),
]);
export type SpoolRecord = z.infer<typeof recordSchema>;
export type AcceptedRecord = z.infer<typeof acceptedSchema>;

/** The journal of one attempt: one JSON record a line. */
export interface AttemptSpool {
  append(record: SpoolRecord): void;
  /** Resolves when everything appended so far would survive a power cut. */
  flush(): Promise<void>;
  close(): void;
  /** Closes and deletes: the control plane has stored it all. */
  forget(): void;
}

export interface SpoolFolder {
  /** Takes an attempt, once and for all: undefined when this host, in any generation, has taken it before. */
  accept(record: AcceptedRecord): AttemptSpool | undefined;
  /** Every attempt that this generation accepted and still has to report. */
  recover(): { accepted: AcceptedRecord; records: SpoolRecord[]; spool: AttemptSpool }[];
}

const unbegunMs = 10_000;

export function makeSpoolFolder(dataDir: string, generation: number): SpoolFolder {
  const folder = join(dataDir, "spool");
  mkdirSync(folder, { recursive: true });
  return {
    accept(record) {
      const path = join(folder, spoolName(record));
      try {
        const spool = attemptSpool(
          path,
          constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY | constants.O_APPEND,
        );
        spool.append(record);
        return spool;
      } catch (error) {
        if (error instanceof Error && "code" in error && error.code === "EEXIST") return undefined;
        throw error;
      }
    },
    recover: () =>
      readdirSync(folder)
        .filter((name) => name.endsWith(".jsonl"))
        .flatMap((name) => {
          const path = join(folder, name);
          const accepted = beginningOf(path);
          // The file of another generation is that generation's.
          if (accepted?.generation !== generation) return [];
          const records = readRecords(path);
          return [{ accepted, records, spool: attemptSpool(path, constants.O_WRONLY | constants.O_APPEND) }];
        }),
  };
}

/** A local job has no fence of its own: its job id keeps a retry apart from the first try. */
function spoolName(record: AcceptedRecord): string {
  return record.fence === 0 ? `${record.taskId}.0.${record.jobId}.jsonl` : `${record.taskId}.${record.fence}.jsonl`;
}

function attemptSpool(path: string, flags: number): AttemptSpool {
  let fd: number | undefined = openSync(path, flags, 0o600);
  const close = () => {
    if (fd !== undefined) closeSync(fd);
    fd = undefined;
  };
  return {
    append(record) {
      if (fd === undefined) throw new Error(`the journal ${path} is closed`);
      writeSync(fd, `${JSON.stringify(record)}\n`);
    },
    flush: async () => {
      if (fd !== undefined) await sync(fd);
    },
    close,
    forget() {
      close();
      rmSync(path, { force: true });
    },
  };
}

/** The first line. Without one nothing was begun: such a file is removed, unless it is being written right now. */
function beginningOf(path: string): AcceptedRecord | undefined {
  try {
    const text = readFileSync(path, "utf8");
    if (text.includes("\n")) return acceptedSchema.parse(JSON.parse(text.slice(0, text.indexOf("\n"))));
    if (Date.now() - statSync(path).mtimeMs > unbegunMs) rmSync(path, { force: true });
    return undefined;
  } catch (error) {
    // Its own generation was done with it in this moment.
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}

/** Whole lines only: a last line that was cut off by a crash is cut away. */
function readRecords(path: string): SpoolRecord[] {
  const text = readFileSync(path, "utf8");
  const whole = text.slice(0, text.lastIndexOf("\n") + 1);
  if (whole.length < text.length) truncateSync(path, Buffer.byteLength(whole));
  return whole
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => recordSchema.parse(JSON.parse(line)));
}
