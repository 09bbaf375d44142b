import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { waitFor } from "../../tools/local-stack/wait-for.ts";
import { startTestStack, type TestStack } from "../harness/test-stack.ts";
import { generationsOf, kill, pidOf } from "../harness/victims.ts";

const launcher = join(dirname(dirname(import.meta.dirname)), "valet");
let stack: TestStack;
let folder: string;
beforeAll(async () => {
  stack = await startTestStack({ sandboxes: 3, slots: 1 });
  await stack.install("v1");
  folder = join(stack.dataDir, "operator");
  mkdirSync(join(folder, ".valet"), { recursive: true });
  const agents = Object.fromEntries(stack.sandboxes.map(({ sandboxId, agentKey }) => [sandboxId, agentKey]));
  const keys = JSON.stringify({ agents, signingKey: "a signing key of this operator" });
  writeFileSync(join(folder, "keys.json"), keys, { mode: 0o600 });
});
afterAll(() => stack?.close());

const direct = (tag: string) => [
  ...["deploys", "create", tag, "--environment", "staging", "--direct", "--reason", "the API is down"],
  ...["--knob", "minHealthyMs=300", "--knob", "maxParallel=3"],
];

describe("first 8: works with the API down; absent hosts converge", () => {
  it("two hosts are deployed to past the API, killed half way and resumed; the third returns and runs nothing old", async () => {
    expect((await valet("direct", "snapshot")).code).toBe(0);
    const task = await stack.submitApplication(15);
    await stack.untilRunning(1);
    const [busy] = await stack.rows<{ sandbox_id: string }>(`SELECT sandbox_id FROM tasks WHERE state = 'running'`);
    const first = stack.sandboxes.find(({ sandboxId }) => sandboxId === busy?.sandbox_id);
    const [second, absent] = stack.sandboxes.filter((one) => one !== first);
    if (!first || !second || !absent) throw new Error("there are three sandboxes");
    const release = await stack.publish("v2");

    // The API and the control worker die, and one host with its agent and sandbox worker is away.
    const specs = ["api", "control"].map((name) => stack.supervisor.spec(name));
    for (const { name } of specs) kill(pidOf(stack, name));
    await Promise.all(specs.map(({ name }) => stack.supervisor.stop(name)));
    const away = [pidOf(stack, absent.agentProcess), pidOf(stack, absent.workerProcess)];
    for (const pid of away) process.kill(pid, "SIGSTOP");
    try {
      const killed = spawnValet(direct("v2"));
      await waitFor("a first command to have started something", async () => {
        const all = await Promise.all([first, second].map(generationsOf));
        return all.flat().some(({ generation }) => generation === 2) ? true : undefined;
      });
      killed.kill("SIGKILL");
      await new Promise((resolve) => killed.once("exit", resolve));
      const ran = await valet(...direct("v2"));
      expect(ran.stdout, ran.stderr).toContain("which was interrupted");
      expect(ran.code, ran.stdout + ran.stderr).toBe(0);
      expect(ran.stdout).toMatch(/of v2: completed/);
      expect(ran.stdout).toContain(`${absent.name}  skipped  unreachable`);
      for (const sandbox of [first, second]) {
        const serving = (await generationsOf(sandbox)).filter(({ state }) => state === "serving");
        expect(serving.map(({ imageDigest, generation }) => [imageDigest, generation])).toEqual([[release.digest, 2]]);
      }
    } finally {
      for (const spec of specs) stack.supervisor.start(spec);
    }
    await waitFor("the API", async () => ((await fetch(`${stack.apiUrl}/api/v1/health`)).ok ? true : undefined));

    // Any command that reaches the API hands the journal over.
    const listed = await valet("deploys", "list");
    expect(listed.stderr).toMatch(
      /the API took the journal of direct deploy .* of v2: 2 sandboxes hand their slots over/,
    );
    expect((await valet("direct", "upload")).stdout).toContain("Nothing waits");
    const [deploy] = await stack.rows<{ id: string; state: string; trigger: string; created_by: string }>(
      `SELECT id, state, trigger, created_by FROM deploys WHERE image_tag = 'v2' AND trigger = 'direct'`,
    );
    expect(deploy).toMatchObject({ state: "completed", trigger: "direct" });
    const view = await stack.deploy(deploy?.id ?? "");
    expect(view.decisions.length).toBeGreaterThan(5);
    expect(view.decisions[0]).toMatchObject({ actor: expect.stringMatching(/^direct: .+@.+/) });
    await waitFor("their slots to run the new version", async () => {
      const rows = await stack.rows<{ sandbox_id: string }>(
        `SELECT sandbox_id FROM slots WHERE state = 'accepting' AND generation = 2`,
      );
      return rows.length >= 2 ? true : undefined;
    });
    expect((await stack.untilEnded([task])).get(task.taskId)).toBe("completed");

    // The host that was away returns: whatever is submitted now runs on the new version alone.
    const before = await lastFence();
    const later = await Promise.all([1, 2, 3, 4].map(() => stack.submitApplication(2)));
    for (const pid of away) process.kill(pid, "SIGCONT");
    await waitFor(
      "the absent host to be converged",
      async () => {
        const [serving] = (await generationsOf(absent)).filter(({ state }) => state === "serving");
        return serving?.imageDigest === release.digest ? true : undefined;
      },
      { deadlineMs: 60_000 },
    );
    await stack.untilEnded(later);
    const onOld = await stack.rows(
      `SELECT a.sandbox_id FROM attempts a JOIN generations g ON g.sandbox_id = a.sandbox_id AND g.number = a.generation
       WHERE g.image_digest <> $1 AND a.reserved_at > $2`,
      [release.digest, before],
    );
    expect(onOld).toEqual([]);
  });
});

async function lastFence(): Promise<Date> {
  const [row] = await stack.rows<{ now: Date }>(`SELECT clock_timestamp() AS now`);
  return row?.now ?? new Date();
}

function spawnValet(args: readonly string[]): ChildProcess {
  const { PATH = "", HOME = "" } = process.env;
  const env = {
    ...{ PATH, HOME, VALET_API_URL: stack.apiUrl, VALET_API_TOKEN: stack.keys.adminToken },
    VALET_KEYS_FILE: "keys.json",
  };
  // A process of its own behind the launcher: exec makes them one.
  return spawn(launcher, [...args], { cwd: folder, env, stdio: ["ignore", "pipe", "pipe"] });
}

function valet(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    const child = spawnValet(args);
    const out = { stdout: "", stderr: "" };
    child.stdout?.on("data", (data: Buffer) => (out.stdout += data.toString()));
    child.stderr?.on("data", (data: Buffer) => (out.stderr += data.toString()));
    child.once("close", (code) => resolve({ code: code ?? 1, ...out }));
  });
}
