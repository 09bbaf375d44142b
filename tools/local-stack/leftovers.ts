import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { processStartTime } from "./supervisor.ts";

/** Ends processes that a killed earlier run left behind: only those whose pid AND start time match its pid files. */
export function endLeftovers(dir: string): number {
  const pids = join(dir, "pids");
  if (!existsSync(pids)) return 0;
  let ended = 0;
  for (const name of readdirSync(pids)) {
    const [pid = "", startTime = ""] = readFileSync(join(pids, name), "utf8").split(" ");
    if (startTime !== "" && processStartTime(Number(pid)) === startTime) {
      process.kill(Number(pid), "SIGKILL");
      ended += 1;
    }
    rmSync(join(pids, name), { force: true });
  }
  return ended;
}
