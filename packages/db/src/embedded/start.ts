import { execFile } from "node:child_process";
import { randomBytes, createHash } from "node:crypto";
import { appendFile, chown, mkdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import pg from "pg";
import { findBinaries } from "./binaries.ts";
import type { Binaries } from "./binaries.ts";
import { withFileLock } from "./file-lock.ts";
import { isProcessAlive, registerOwner, startKeeper } from "./keeper.ts";
import { isReachableForOthers, makeOwnedFolder, runAs } from "./unprivileged.ts";
import type { RunAs } from "./unprivileged.ts";

export interface EmbeddedOptions {
  /** Where the data lives; made when absent. */
  dataDir: string;
  /** Folder of the npm package with the binaries; that of this platform otherwise. */
  binariesDir?: string;
  /** A free one otherwise; an adopted server keeps its own. */
  port?: number;
  /** Created when absent; default `valet`. */
  database?: string;
  /** Scratch data: no fsync, and removed when nobody uses the server any more. */
  isScratch?: boolean;
  /** How long the server may go on after its last owner died or stopped; default 5 s. */
  idleMs?: number;
}
export interface EmbeddedPostgres {
  url: string;
  port: number;
  /** True when a server that was already running on this data was taken over. */
  adopted: boolean;
  /** Ends the server, unless another process uses it too. */
  stop(): Promise<void>;
}

const run = promisify(execFile);
const startDeadlineMs = 60_000;
const user = "valet";
interface Place {
  home: string;
  data: string;
  as: RunAs;
  binaries: Binaries;
}

/** Starts Postgres from the npm binaries, or adopts the live server of this data folder. */
export async function startEmbeddedPostgres(options: EmbeddedOptions): Promise<EmbeddedPostgres> {
  const as = runAs();
  const home = await findHome(resolve(options.dataDir), as);
  const place: Place = { home, data: join(home, "data"), as, binaries: await findBinaries(as, options.binariesDir) };
  return withFileLock(join(home, "lock"), startDeadlineMs, async () => {
    const release = await registerOwner(home);
    try {
      const running = await runningPort(place);
      if (running === undefined) await startServer(place, options);
      const port = running ?? (await runningPort(place));
      if (port === undefined) throw new Error(`Postgres in ${home} started and ended at once: see ${home}/log`);
      const url = await ensureDatabase(place, port, options.database ?? "valet");
      return { url, port, adopted: running !== undefined, stop: () => stopServer(place, release, options) };
    } catch (error) {
      await release();
      throw error;
    }
  });
}

/** `dataDir`, or a place outside of closed folders with a pointer to it, since nobody may not enter those. */
async function findHome(dataDir: string, as: RunAs): Promise<string> {
  await mkdir(dataDir, { recursive: true });
  if (as.uid === undefined || (await isReachableForOthers(join(dataDir, "x")))) {
    await makeOwnedFolder(dataDir, as);
    return dataDir;
  }
  const home = join("/var/lib/valet-postgres", createHash("sha256").update(dataDir).digest("hex").slice(0, 16));
  await makeOwnedFolder(home, as);
  await writeFile(join(dataDir, "moved-to"), `${home}\n`);
  return home;
}

/** Port of the live server on this data; removes what a dead one left. */
async function runningPort(place: Place): Promise<number | undefined> {
  const file = join(place.data, "postmaster.pid");
  const text = await readFile(file, "utf8").catch(() => "");
  if (text === "") return undefined;
  const lines = text.split("\n");
  const pid = Number(lines[0]);
  const port = Number(lines[3]);
  if (isProcessAlive(pid) && (await isPostgres(pid))) {
    // Starting or stopping: pg_ctl waits for whichever it is.
    if (lines[7]?.trim() === "ready" && port > 0) return port;
    await run(place.binaries.pgCtl, ["stop", "-D", place.data, "-m", "fast", "-w", "-t", "30"], spawnOptions(place));
    return undefined;
  }
  await rm(file, { force: true });
  return undefined;
}

async function isPostgres(pid: number): Promise<boolean> {
  if (process.platform !== "linux") return true;
  return readFile(`/proc/${pid}/cmdline`, "utf8").then(
    (command) => command.includes("postgres"),
    () => false,
  );
}

function spawnOptions(place: Place): RunAs & { cwd: string; env: NodeJS.ProcessEnv; timeout: number } {
  return { ...place.as, cwd: place.home, env: { LC_ALL: "C", PATH: "/usr/bin:/bin" }, timeout: startDeadlineMs };
}

async function startServer(place: Place, options: EmbeddedOptions): Promise<void> {
  if (!(await isInitialised(place))) await initialise(place);
  const port = options.port ?? (await freePort());
  const config = join(place.data, "valet.conf");
  await writeFile(config, settings(port, options.isScratch ?? false));
  await giveAway(config, place.as);
  const log = join(place.home, "log");
  const args = ["start", "-D", place.data, "-l", log, "-w", "-t", String(startDeadlineMs / 1000)];
  try {
    await run(place.binaries.pgCtl, args, spawnOptions(place));
  } catch (cause) {
    const tail = (await readFile(log, "utf8").catch(() => "")).split("\n").slice(-8).join("\n");
    throw new Error(`Postgres did not start on port ${port} in ${place.home}:\n${tail}`, { cause });
  }
  startKeeper({
    home: place.home,
    pgCtl: place.binaries.pgCtl,
    as: place.as,
    idleMs: options.idleMs ?? 5_000,
    removeAfter: options.isScratch ?? false,
  });
}

async function isInitialised(place: Place): Promise<boolean> {
  return stat(join(place.data, "PG_VERSION")).then(
    () => true,
    () => false,
  );
}

/** initdb into a folder beside, renamed when it is whole: a kill in the middle leaves nothing half-made. */
async function initialise(place: Place): Promise<void> {
  const half = `${place.data}.half`;
  await rm(half, { recursive: true, force: true });
  await rm(place.data, { recursive: true, force: true });
  const passwordFile = join(place.home, "password");
  await writeFile(passwordFile, randomBytes(24).toString("base64url"), { mode: 0o600 });
  await giveAway(passwordFile, place.as);
  const args = [
    "-D",
    half,
    "-U",
    user,
    "-A",
    "scram-sha-256",
    `--pwfile=${passwordFile}`,
    "-E",
    "UTF8",
    "--locale=C",
    "-N",
  ];
  await run(place.binaries.initdb, args, spawnOptions(place));
  await appendFile(join(half, "postgresql.conf"), "\ninclude_if_exists = 'valet.conf'\n");
  await rename(half, place.data);
}

async function giveAway(path: string, as: RunAs): Promise<void> {
  if (as.uid !== undefined && as.gid !== undefined) await chown(path, as.uid, as.gid);
}

function settings(port: number, isScratch: boolean): string {
  const lines = [
    `port = ${port}`,
    "listen_addresses = '127.0.0.1'",
    "unix_socket_directories = ''",
    "max_connections = 300",
    "shared_buffers = 128MB",
    "max_wal_size = 1GB",
    // Hot tables are small: looked at often, each visit is short.
    "autovacuum_naptime = 10s",
    // The data is in memory, or on a disk without a head to move.
    "random_page_cost = 1.1",
    "timezone = 'UTC'",
    "log_min_messages = warning",
    "log_min_error_statement = panic",
  ];
  if (isScratch)
    lines.push(
      "fsync = off",
      "synchronous_commit = off",
      "full_page_writes = off",
      "wal_level = minimal",
      "max_wal_senders = 0",
    );
  return `${lines.join("\n")}\n`;
}

async function freePort(): Promise<number> {
  return new Promise((done, fail) => {
    const server = createServer();
    server.once("error", fail);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() =>
        typeof address === "object" && address ? done(address.port) : fail(new Error("no free port")),
      );
    });
  });
}

async function ensureDatabase(place: Place, port: number, database: string): Promise<string> {
  const password = (await readFile(join(place.home, "password"), "utf8")).trim();
  const urlOf = (name: string): string => `postgres://${user}:${password}@127.0.0.1:${port}/${name}`;
  const client = new pg.Client({ connectionString: urlOf("postgres"), connectionTimeoutMillis: 10_000 });
  await client.connect();
  try {
    const { rowCount } = await client.query("SELECT 1 FROM pg_database WHERE datname = $1", [database]);
    if (rowCount === 0) await client.query(`CREATE DATABASE ${pg.escapeIdentifier(database)}`);
  } finally {
    await client.end();
  }
  return urlOf(database);
}

async function stopServer(place: Place, release: () => Promise<number>, options: EmbeddedOptions): Promise<void> {
  await withFileLock(join(place.home, "lock"), startDeadlineMs, async () => {
    const others = await release();
    if (others > 0 || (await runningPort(place)) === undefined) return;
    await run(place.binaries.pgCtl, ["stop", "-D", place.data, "-m", "fast", "-w", "-t", "30"], spawnOptions(place));
    if (options.isScratch) await rm(place.data, { recursive: true, force: true });
  });
}
