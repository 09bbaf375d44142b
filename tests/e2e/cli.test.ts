import { type ChildProcess, execFile, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type TestApi, makeTestApi } from "../../apps/api/src/testing/test-api.ts";

const launcher = join(dirname(dirname(import.meta.dirname)), "valet");
let api: TestApi;
let apiUrl: string;
let folder: string;
beforeAll(async () => {
  api = await makeTestApi();
  apiUrl = await api.app.listen({ host: "127.0.0.1", port: 0 });
  folder = mkdtempSync(join(tmpdir(), "valet-cli-"));
  // As the embedded default leaves it: found from any folder below.
  mkdirSync(join(folder, ".valet"));
  writeFileSync(join(folder, ".valet", "admin-token"), api.tokens.admin, { mode: 0o600 });
  writeFileSync(join(folder, ".valet", "connection.json"), JSON.stringify({ apiUrl, tokenFile: "admin-token" }), {
    mode: 0o600,
  });
});
afterAll(async () => {
  await api.close();
  rmSync(folder, { recursive: true });
});

interface Ran {
  code: number;
  stdout: string;
  stderr: string;
}

/** The launcher as a process of its own, as an operator runs it. */
function valet(...args: string[]): Promise<Ran> {
  return new Promise((resolve) => {
    const options = { cwd: folder, env: cleanEnvironment(), timeout: 60_000 };
    execFile(launcher, args, options, (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code ?? 1) : 0, stdout, stderr });
    });
  });
}

async function json<T>(...args: string[]): Promise<T> {
  const ran = await valet(...args, "--json");
  expect(ran.stderr).toBe("");
  expect(ran.code).toBe(0);
  return JSON.parse(ran.stdout) as T;
}

function cleanEnvironment(): Record<string, string> {
  const { PATH = "", HOME = "" } = process.env;
  return { PATH, HOME };
}

describe("valet against a real API", () => {
  it("finds it by the connection file and reads its status", async () => {
    const ran = await valet("status");
    expect(ran).toMatchObject({ code: 0, stderr: "" });
    expect(ran.stdout).toContain(`ok 0.1.0 at ${apiUrl}`);
    expect(ran.stdout).toContain("Deploys     none under way");
  });

  it("registers, lists, cordons and uncordons a sandbox", async () => {
    const where = ["--environment", "dev", "--public-ip", "127.0.0.1", "--instance-type", "local", "--capacity", "2"];
    const added = await valet("sandboxes", "add", "box-1", ...where, "--identity-file", "box.env");
    expect(added).toMatchObject({ code: 0, stderr: "" });
    expect(readFileSync(join(folder, "box.env"), "utf8")).toMatch(
      /^VALET_SANDBOX_ID=[0-9a-f-]{36}\nVALET_SANDBOX_TOKEN=/,
    );
    expect((await valet("sandboxes", "list")).stdout).toMatch(/ box-1 +dev +provisioning /);
    const cordoned = await json<{ cordons: { reason: string }[] }>("sandboxes", "cordon", "box-1", "--reason", "odd");
    expect(cordoned.cordons.map(({ reason }) => reason)).toEqual(["odd"]);
    expect((await valet("sandboxes", "show", "box-1")).stdout).toContain("odd");
    expect((await json<{ cordons: unknown[] }>("sandboxes", "uncordon", "box-1")).cordons).toEqual([]);
    const again = await valet("sandboxes", "add", "box-1", ...where, "--identity-file", "again.env");
    expect(again.code).toBe(1);
    expect(again.stderr).toMatch(/^valet: Could not add sandbox box-1: .+\n$/);
  });

  it("submits a task once a key, says why it waits, and cancels it", async () => {
    const submit = [
      "tasks",
      "submit",
      "--url",
      "https://example.com",
      "--metadata",
      "n=1",
      "--idempotency-key",
      "key-1",
    ];
    const task = await json<{ id: string }>(...submit);
    expect((await json<{ id: string }>(...submit)).id).toBe(task.id);
    const other = await valet(...submit, "--priority", "5");
    expect(other.code).toBe(1);
    const short = task.id.slice(0, 8);
    expect((await valet("tasks", "list", "--state", "queued")).stdout).toContain(short);
    const why = await valet("tasks", "why", short);
    expect(why.stderr).toBe("");
    expect(why.stdout).toMatch(/^State +queued\nWhy +.+\nPosition +1\n/);
    const events = spawn(launcher, ["tasks", "events", short], { cwd: folder, env: cleanEnvironment() });
    const ended = exitOf(events);
    expect((await valet("tasks", "cancel", short)).stdout).toBe(`Task ${short} is cancelled.\n`);
    expect(await ended).toBe(0);
    expect((await valet("tasks", "show", short)).stdout).toContain("State        cancelled");
    const review = await valet("tasks", "review", short, "--decision", "failed");
    expect(review.code).toBe(1);
    expect(review.stderr).toMatch(/^valet: Could not review task .+ Look at its present state/);
  });

  it("creates, watches and aborts a deploy; Ctrl-C leaves it alone", async () => {
    const create = ["deploys", "create", "v1", "--environment", "dev", "--knob", "maxParallel=2", "--reason", "first"];
    const deploy = await json<{ id: string; knobs: { maxParallel: number } }>(...create);
    expect(deploy.knobs.maxParallel).toBe(2);
    const short = deploy.id.slice(0, 8);
    expect((await valet("deploys", "list")).stdout).toContain(`${short}  ghosthands v1`);
    expect((await valet("releases", "list")).stdout).toContain("v1");
    const watch = spawn(launcher, ["deploys", "show", short, "--watch"], { cwd: folder, env: cleanEnvironment() });
    const ended = exitOf(watch);
    await new Promise<void>((resolve) => watch.stdout.once("data", () => resolve()));
    watch.kill("SIGINT");
    expect(await ended).toBe(130);
    const aborted = await valet("deploys", "abort", short, "--reason", "enough");
    expect(aborted.stderr).toBe("");
    expect(aborted.stdout).toContain("Asked to abort.");
    const stale = await valet("deploys", "pause", short, "--revision", "0");
    expect(stale.code).toBe(1);
  });

  it("turns auto-deploy on and off", async () => {
    await json("deploys", "config", "--auto-deploy-staging", "on");
    expect((await valet("deploys", "config")).stdout).toContain("Auto-deploy staging     on");
    expect(await json<object>("deploys", "config", "--auto-deploy-staging", "off")).toMatchObject({
      autoDeployStaging: false,
    });
  });

  it("tells an unknown id by the API's 404", async () => {
    const ran = await valet("tasks", "show", "00000000-0000-4000-8000-000000000000");
    expect(ran.code).toBe(1);
    expect(ran.stderr).toContain(`not found at ${apiUrl}. List what exists: valet tasks list.`);
  });
});

function exitOf(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => child.once("exit", resolve));
}
