import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { errorCode } from "./durable-file.ts";
import { readProcess, signalGroup } from "./process-table.ts";

/** Written by the GH worker for each attempt that runs under a lease. */
const leaseFileSchema = z.object({
  taskId: z.string(),
  fence: z.number(),
  deadlineWallMs: z.number(),
  deadlineMonoMs: z.number(),
  browserPid: z.number().int().min(2),
  profileDir: z.string().min(1),
  frozen: z.boolean(),
});
export type LeaseFile = z.infer<typeof leaseFileSchema>;

export interface HostTimes {
  wallMs: number;
  /** CLOCK_MONOTONIC, as process.hrtime gives it: one clock for all processes of a host. */
  monoMs: number;
}

/** True when either clock is past the deadline by more than `marginMs`. */
export function isPastDeadline(lease: LeaseFile, now: HostTimes, marginMs: number): boolean {
  return now.wallMs > lease.deadlineWallMs + marginMs || now.monoMs > lease.deadlineMonoMs + marginMs;
}

/**
 * The deadline, enforced from outside: a browser that is past it and still runs (its GH worker hangs, or is gone) has its process group
 * stopped. Never thaws: only the GH worker, with a lease that is still the newest, may. Returns the tasks frozen.
 */
export function enforceDeadlines(ghDataDir: string, now: () => HostTimes, marginMs: number): LeaseFile[] {
  const folder = join(ghDataDir, "leases");
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => name.endsWith(".json"))
    .map((name) => readLease(join(folder, name)))
    .filter((lease): lease is LeaseFile => lease !== undefined && !lease.frozen)
    .filter((lease) => isPastDeadline(lease, now(), marginMs) && isRunningOn(lease))
    .filter((lease) => signalGroup(lease.browserPid, "SIGSTOP"));
}

/** The pid must still be this very browser, and not be stopped already. */
function isRunningOn(lease: LeaseFile): boolean {
  const facts = readProcess(lease.browserPid);
  return (
    facts !== undefined &&
    facts.commandLine.includes(lease.profileDir) &&
    facts.group === facts.pid &&
    facts.state !== "T"
  );
}

function readLease(path: string): LeaseFile | undefined {
  try {
    const parsed = leaseFileSchema.safeParse(JSON.parse(readFileSync(path, "utf8")));
    return parsed.success ? parsed.data : undefined;
  } catch (error) {
    // Gone since it was listed, or being written by a release that does not replace it in one step: next time.
    if (errorCode(error) === "ENOENT" || error instanceof SyntaxError) return undefined;
    throw error;
  }
}
