import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Logger } from "pino";
import { sweepProfile } from "./browser.ts";
import type { LeaseFiles } from "./lease-file.ts";
import { findBrowserGroups, signalGroup } from "./process-table.ts";

/**
 * Before anything starts: ends every browser that an earlier process of this generation left behind, stopped ones too, and
 * removes their profiles and lease files.
 */
export async function sweepLeftovers(deps: {
  profilesDir: string;
  generation: number;
  leaseFiles: LeaseFiles;
  logger: Logger;
}): Promise<void> {
  const prefix = `g${deps.generation}-`;
  await mkdir(deps.profilesDir, { recursive: true });
  const left = findBrowserGroups(join(deps.profilesDir, prefix));
  for (const group of left) signalGroup(group, "SIGKILL");
  const stale = (await readdir(deps.profilesDir)).filter((name) => name.startsWith(prefix));
  for (const name of stale) await sweepProfile(join(deps.profilesDir, name));
  deps.leaseFiles.clear();
  if (left.length + stale.length > 0)
    deps.logger.warn({ event: "leftovers_removed", browsers: left.length, profiles: stale.length });
}
