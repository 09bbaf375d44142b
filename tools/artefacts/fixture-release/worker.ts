// A stand-in for the GHOST-HANDS worker in tests: its status server, jobs that only wait, and a "browser" that is a plain process.
import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdirSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { attestRelease } from "@valet/contracts/node";

const { GH_WORKER_HOST, GH_WORKER_PORT, GH_WORKER_ID = "", GH_GENERATION, GH_IMAGE_TAG } = process.env;
const { GH_RELEASE_DIR = "", GH_DATA_DIR = "", MAX_CONCURRENT_JOBS } = process.env;
const bootFailure = "";
if (bootFailure !== "") throw new Error(bootFailure);
const attested = await attestRelease(GH_RELEASE_DIR);
if (!attested.ok) throw new Error(attested.error.message);
const { digest } = attested.value;

const bootId = randomUUID();
const startedAt = Date.now();
const jobs = new Map<string, { status: string; error: { code: string; message: string } | null }>();
const running = () => [...jobs.values()].filter(({ status }) => status === "running").length;
let draining = false;
let stopping = false;

const browserProgram = "setInterval(() => {}, 1e6)";
const profileDir = join(GH_DATA_DIR, "profiles", `g${GH_GENERATION}-b0`);
mkdirSync(profileDir, { recursive: true });
const browser: ChildProcess = spawn(process.execPath, ["-e", browserProgram, "--", `--user-data-dir=${profileDir}`], {
  detached: true,
  stdio: ["ignore", "ignore", "inherit"],
});

async function runJob(id: string, spec: { url?: string; probe?: boolean; fixture_ms?: number }): Promise<void> {
  try {
    await new Promise((resolve) => setTimeout(resolve, spec.fixture_ms ?? 50));
    if (browser.exitCode !== null) throw new Error(`the browser ended with ${browser.exitCode}`);
    const page = spec.url === undefined ? "<form" : await (await fetch(spec.url)).text();
    if (!page.includes("<form")) throw new Error(`no form at ${spec.url}`);
    jobs.set(id, { status: "completed", error: null });
  } catch (error) {
    jobs.set(id, { status: "failed", error: { code: "browser_failed", message: (error as Error).message } });
  }
  if (stopping && running() === 0) end();
}

function end(): void {
  if (browser.pid !== undefined && browser.exitCode === null) process.kill(-browser.pid, "SIGKILL");
  process.exit(0);
}

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    const [status, body] = handle(request.method ?? "GET", request.url ?? "/", Buffer.concat(chunks).toString("utf8"));
    response.writeHead(status, { "content-type": "application/json" });
    response.end(JSON.stringify(body));
  });
});

function handle(method: string, url: string, text: string): [number, unknown] {
  const active = running();
  const accepting = !draining && !stopping;
  if (url === "/worker/status") {
    const spare = browser.exitCode === null ? "ready" : "failed";
    const identity = {
      worker_id: GH_WORKER_ID,
      generation: Number(GH_GENERATION),
      image_tag: GH_IMAGE_TAG,
      image_digest: digest,
    };
    const times = { uptime_ms: Date.now() - startedAt, timestamp: new Date().toISOString() };
    const load = {
      active_jobs: active,
      max_concurrent: Number(MAX_CONCURRENT_JOBS),
      deploy_safe: active === 0,
      accepting,
    };
    return [
      200,
      { ...identity, ...times, ...load, is_running: true, is_draining: !accepting, boot_id: bootId, spare, slots: [] },
    ];
  }
  if (url === "/worker/health") {
    const status = accepting ? (active > 0 ? "busy" : "idle") : "draining";
    return [200, { status, active_jobs: active, deploy_safe: active === 0, accepting }];
  }
  if (method === "POST" && (url === "/worker/drain" || url === "/worker/undrain")) {
    draining = url === "/worker/drain";
    return [200, { status: draining ? "draining" : "accepting", active_jobs: active, worker_id: GH_WORKER_ID }];
  }
  if (method === "POST" && url === "/fixture/jobs") {
    const spec = JSON.parse(text) as { valet_task_id: string; url?: string; fixture_ms?: number };
    const id = randomUUID();
    jobs.set(id, { status: "running", error: null });
    void runJob(id, spec);
    return [201, { ...view(id), created_at: new Date().toISOString(), valet_task_id: spec.valet_task_id }];
  }
  const id = /^\/fixture\/jobs\/([^/]+)$/.exec(url)?.[1];
  if (id !== undefined && jobs.has(id)) return [200, view(id)];
  return [404, { error: "not_found" }];
}

function view(id: string) {
  const job = jobs.get(id);
  const rest = { fence: null, lease_id: null, slot: null, frozen: false, steps_done: 0, result: null };
  return { job_id: id, valet_task_id: randomUUID(), created_at: new Date().toISOString(), ...job, ...rest };
}

server.listen(Number(GH_WORKER_PORT), GH_WORKER_HOST);
process.on("SIGTERM", () => {
  stopping = true;
  if (running() === 0) end();
});
