import { spawn } from "node:child_process";
import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { RunAs } from "./unprivileged.ts";

/**
 * Ends the server when none of its owners is alive, so that a SIGKILL of the program leaves no Postgres behind.
 * A text, because it must run from a bundle as well: no file of its own, and nothing injected by the bundler.
 */
const keeperProgram = `
const fs = require("node:fs");
const { spawnSync } = require("node:child_process");
const [home, pgCtl, idleMs, removeAfter] = process.argv.slice(1);
const isAlive = (pid) => {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return error.code === "EPERM";
  }
  try {
    return fs.readFileSync("/proc/" + pid + "/stat", "utf8").split(") ").at(-1)[0] !== "Z";
  } catch {
    return process.platform !== "linux";
  }
};
let lastOwnedAt = Date.now();
const isOwned = () => fs.readdirSync(home + "/owners").some((name) => isAlive(Number(name.split("-")[0])));
const lock = () => {
  try {
    fs.writeFileSync(home + "/lock", String(process.pid), { flag: "wx" });
    return true;
  } catch {
    return false;
  }
};
setInterval(() => {
  if (!fs.existsSync(home + "/data/postmaster.pid")) process.exit(0);
  if (isOwned()) lastOwnedAt = Date.now();
  if (Date.now() - lastOwnedAt < Number(idleMs) || !lock()) return;
  if (isOwned()) return fs.rmSync(home + "/lock");
  const mode = removeAfter === "yes" ? "immediate" : "fast";
  spawnSync(pgCtl, ["stop", "-w", "-t", "30", "-m", mode, "-D", home + "/data"], { stdio: "ignore" });
  if (removeAfter === "yes") fs.rmSync(home + "/data", { recursive: true, force: true });
  fs.rmSync(home + "/lock", { force: true });
  process.exit(0);
}, 500);
`;

export interface KeeperOptions {
  home: string;
  pgCtl: string;
  as: RunAs;
  /** How long nobody may own the server. */
  idleMs: number;
  /** The data is scratch: remove it afterwards. */
  removeAfter: boolean;
}

/** Starts the keeper in a session of its own; it ends with the server. */
export function startKeeper(options: KeeperOptions): void {
  const args = [options.home, options.pgCtl, String(options.idleMs), options.removeAfter ? "yes" : "no"];
  const child = spawn(process.execPath, ["--max-old-space-size=32", "-e", keeperProgram, ...args], {
    ...options.as,
    cwd: options.home,
    env: {},
    detached: true,
    stdio: "ignore",
  });
  child.unref();
}

/** Says that this process uses the server; the answer takes it back, and tells how many others are left. */
export async function registerOwner(home: string): Promise<() => Promise<number>> {
  const folder = join(home, "owners");
  await mkdir(folder, { recursive: true });
  const file = join(folder, `${process.pid}-${Math.random().toString(36).slice(2)}`);
  await writeFile(file, "");
  return async () => {
    await rm(file, { force: true });
    return liveOwners(folder);
  };
}

async function liveOwners(folder: string): Promise<number> {
  const names = await readdir(folder);
  let live = 0;
  for (const name of names) {
    if (isProcessAlive(Number(name.split("-")[0]))) live += 1;
    else await rm(join(folder, name), { force: true });
  }
  return live;
}

export function isProcessAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
