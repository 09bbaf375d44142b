import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmodSync, existsSync, createWriteStream, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type Database, migrate, openDatabase, startEmbeddedPostgres, tokenHash } from "@valet/db";
import { freePort } from "../../tools/local-stack/addresses.ts";
import { buildPrograms } from "../../tools/local-stack/programs.ts";
import { waitFor } from "../../tools/local-stack/wait-for.ts";

/** Postgres, one api and one control worker with an empty database; hosts are played by the benchmark. */
export interface ControlPlane {
  apiUrl: string;
  adminToken: string;
  /** What agents' keys are sealed with. */
  sealKey: string;
  db: Database;
  /** Ends the API at once, as a crash would, and starts it again. */
  killApi(): void;
  startApi(): Promise<void>;
  /** Resident memory now, MB. */
  rssMb(): { api: number; control: number };
  stop(): Promise<void>;
}

export async function startControlPlane(input: {
  leaseMs: number;
  apiEnv?: Record<string, string>;
}): Promise<ControlPlane> {
  const dataDir = mkdtempSync(join(tmpdir(), "valet-bench-"));
  chmodSync(dataDir, 0o755);
  const programs = await buildPrograms(dirname(dirname(import.meta.dirname)));
  const postgres = await startEmbeddedPostgres({ dataDir: join(dataDir, "postgres") });
  await migrate(postgres.url, { environment: "dev" });
  const db = openDatabase({ url: postgres.url, max: 4, applicationName: "bench" });
  const adminToken = randomBytes(16).toString("hex");
  await db.query("INSERT INTO tenants (id, name) VALUES ('bench', 'Bench')");
  await db.query("INSERT INTO api_tokens (tenant_id, role, name, token_hash) VALUES ('bench', 'admin', 'bench', $1)", [
    tokenHash(adminToken),
  ]);
  const port = await freePort();
  const apiUrl = `http://127.0.0.1:${port}`;
  const sealKey = randomBytes(32).toString("base64");
  const shared = {
    DATABASE_URL: postgres.url,
    VALET_SEAL_KEY: sealKey,
    VALET_LEASE_MS: String(input.leaseMs),
    VALET_ENVIRONMENT: "dev",
    LOG_LEVEL: "warn",
  };
  const run = (name: string, program: string, env: Record<string, string>) => {
    const log = createWriteStream(join(dataDir, `${name}.log`), { flags: "a" });
    const child = spawn(process.execPath, [program], { env: { ...shared, ...env }, stdio: ["ignore", "pipe", "pipe"] });
    child.stdout.pipe(log);
    child.stderr.pipe(log);
    return child;
  };
  let api: ChildProcess | null = null;
  const startApi = async () => {
    api = run("api", programs.api, {
      PORT: String(port),
      JWT_SECRET: randomBytes(32).toString("hex"),
      VALET_RATE_LIMIT_PER_MINUTE: "10000000",
      ...input.apiEnv,
    });
    await waitFor("the API", async () => {
      const response = await fetch(`${apiUrl}/api/v1/health`, { signal: AbortSignal.timeout(2_000) });
      return response.ok ? true : undefined;
    });
  };
  const control = run("control", programs.worker, { VALET_WORKER_ROLE: "control" });
  // A benchmark that is stopped half-way leaves no processes behind.
  const onSignal = () => {
    api?.kill("SIGKILL");
    control.kill("SIGKILL");
    process.exit(130);
  };
  process.once("SIGTERM", onSignal);
  process.once("SIGINT", onSignal);
  await startApi();
  return {
    apiUrl,
    adminToken,
    sealKey,
    db,
    startApi,
    killApi: () => void api?.kill("SIGKILL"),
    rssMb: () => ({ api: rssMbOf(api), control: rssMbOf(control) }),
    async stop() {
      process.off("SIGTERM", onSignal);
      process.off("SIGINT", onSignal);
      await Promise.all([ended(api), ended(control)]);
      await db.close();
      await postgres.stop();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

/** 0 for a process that is not there. */
function rssMbOf(child: ChildProcess | null): number {
  const file = `/proc/${child?.pid}/status`;
  if (!child || child.exitCode !== null || child.signalCode !== null || !existsSync(file)) return 0;
  const status = readFileSync(file, "utf8");
  return Math.round(Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0) / 1024);
}

async function ended(child: ChildProcess | null): Promise<void> {
  if (!child || child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  child.kill("SIGTERM");
  const force = setTimeout(() => child.kill("SIGKILL"), 10_000);
  await gone;
  clearTimeout(force);
}
