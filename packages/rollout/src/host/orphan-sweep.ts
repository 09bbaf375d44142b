import { existsSync, readdirSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join, sep } from "node:path";
import { findProcesses, signalGroup, signalProcess } from "./process-table.ts";

/** Generation number of a profile folder's name (`g8-b2`), or undefined. */
export function generationOfProfile(name: string): number | undefined {
  const digits = /^g(\d+)-b\d+$/.exec(name)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/**
 * Kills browsers and deletes profiles of the generations that `isOver` names. A browser is known by its profile's path, which
 * its leading process carries in its command line; the rest of it is in that process's group. Returns the profiles removed.
 */
export async function sweepProfiles(ghDataDir: string, isOver: (generation: number) => boolean): Promise<string[]> {
  const folder = join(ghDataDir, "profiles");
  const named = new Set(existsSync(folder) ? readdirSync(folder) : []);
  for (const { commandLine } of findProcesses(`${folder}${sep}`)) {
    const name = commandLine.split(`${folder}${sep}`)[1]?.split(/[\s/\\]/)[0];
    if (name !== undefined) named.add(name);
  }
  const over = [...named].filter((name) => {
    const generation = generationOfProfile(name);
    return generation !== undefined && isOver(generation);
  });
  for (const name of over) {
    killBrowserOn(join(folder, name));
    await rm(join(folder, name), { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
  }
  for (const name of leaseFiles(ghDataDir)) {
    const generation = /^g(\d+)-/.exec(name)?.[1];
    if (generation !== undefined && isOver(Number(generation)))
      await rm(join(ghDataDir, "leases", name), { force: true });
  }
  return over;
}

/** Every process that runs on this profile, each with the group it leads. */
export function killBrowserOn(profileDir: string): void {
  for (const facts of findProcesses(profileDir)) {
    const isThisProfile = new RegExp(`${escapeRegExp(profileDir)}(?:[\\s/]|$)`).test(facts.commandLine);
    if (!isThisProfile) continue;
    if (facts.group === facts.pid) signalGroup(facts.group, "SIGKILL");
    signalProcess(facts.pid, "SIGKILL");
  }
}

function leaseFiles(ghDataDir: string): string[] {
  const folder = join(ghDataDir, "leases");
  return existsSync(folder) ? readdirSync(folder) : [];
}

const escapeRegExp = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
