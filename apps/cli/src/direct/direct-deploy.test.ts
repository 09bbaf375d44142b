import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "@valet/shared";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type FakeHost, type FakeRelease, makeFakeHost } from "../../../../packages/rollout/src/drivers/fake-host.ts";
import { type FakeAgent, startFakeAgent } from "../../../../packages/rollout/src/testing/fake-agent.ts";
import { digestOf } from "../../../../packages/rollout/src/testing/world.ts";
import { runValet } from "../testing/run-valet.ts";

const agentKey = "a key of this sandbox alone";
let folder: string;
let agents: FakeAgent[];
let hosts: FakeHost[];
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "valet-direct-"));
  mkdirSync(join(folder, ".valet"));
  const registry = new Map<string, FakeRelease>([
    ["v1", { digest: digestOf("v1") }],
    ["v2", { digest: digestOf("v2"), fetchMs: 5, bootMs: 5 }],
    ["bad", { digest: digestOf("bad"), failure: { phase: "verifying", message: "its browser does not start" } }],
  ]);
  hosts = ["a", "b"].map((name) => makeFakeHost(name, { clock: systemClock, registry }));
  for (const host of hosts) host.install("v1");
  agents = await Promise.all(hosts.map((host) => startFakeAgent(host, agentKey)));
  const places = agents.map(({ url }, n) => `${new URL(url).host} host-${n + 1}`);
  writeFileSync(join(folder, "hosts.txt"), `${places.join("\n")}\n`);
  const keys = Object.fromEntries(agents.map((_agent, n) => [`host-${n + 1}`, agentKey]));
  writeFileSync(join(folder, "keys.json"), JSON.stringify({ agents: keys }), { mode: 0o600 });
});
afterEach(async () => {
  for (const agent of agents) await agent.close();
  rmSync(folder, { recursive: true });
});

const valet = (...args: string[]) =>
  runValet(args, { folder, clock: systemClock, environment: { VALET_KEYS_FILE: "keys.json" } });
const deploy = (tag: string, ...more: string[]) =>
  valet(
    ...["deploys", "create", tag, "--environment", "staging", "--direct", "--hosts-file", "hosts.txt"],
    ...["--knob", "minHealthyMs=0", "--knob", "healthyDeadlineMs=5000", ...more],
  );
const servingDigests = () => hosts.map((host) => host.health().imageDigest);

describe("a deploy past the API", () => {
  it("goes host by host to the end, and its journal waits for the API", async () => {
    const ran = await deploy("v2");
    expect(ran.code, ran.stdout + ran.stderr).toBe(0);
    expect(ran.stdout).toContain("2 hosts, from hosts.txt:");
    expect(ran.stdout).toMatch(/host-1 127\.0\.0\.1:\d+ {2}runs v1, 0 tasks/);
    expect(ran.stdout).toMatch(/Direct deploy .* of v2: completed\. v2 runs on 2 hosts/);
    expect(ran.stdout).toContain("valet direct upload");
    expect(servingDigests()).toEqual([digestOf("v2"), digestOf("v2")]);
    expect((await valet("direct", "list")).stdout).toMatch(/staging +v2 +completed .* waits for it/);
  });

  it("a release that fails on its first host is taken back to what the hosts ran, and reaches no other", async () => {
    const ran = await deploy("bad");
    expect(ran.code).toBe(1);
    expect(ran.stdout).toContain("its browser does not start");
    expect(ran.stdout).toMatch(/of bad: rolled_back\. back on v1/);
    expect(servingDigests()).toEqual([digestOf("v1"), digestOf("v1")]);
    expect(agents[1]?.seen.filter((line) => line.startsWith("POST"))).toEqual([]);
  });

  it("a host that does not answer is left out by name, and one that nobody answers for stops it before anything is done", async () => {
    await agents[1]?.close();
    const ran = await deploy("v2");
    expect(ran.code, ran.stdout + ran.stderr).toBe(0);
    expect(ran.stdout).toMatch(/host-2 .* away, it converges when the API and it are back/);
    expect(ran.stdout).toContain("host-2  skipped  unreachable");
    await agents[0]?.close();
    const none = await deploy("v1");
    expect(none.stderr).toContain("None of the 2 hosts answers. Nothing was changed.");
  });

  it("paused by a failure it waits for a person, who may abort it; meanwhile no other begins", async () => {
    const ran = await deploy("bad", "--knob", "failureAction=pause");
    expect(ran.code).toBe(1);
    expect(ran.stdout).toMatch(/of bad: paused/);
    const other = await deploy("v2");
    expect(other.stderr).toMatch(
      /The direct deploy [0-9a-f]+ of bad is paused here\. Go on with it: valet direct resume/,
    );
    const id = /valet direct abort ([0-9a-f]+)/.exec(other.stderr)?.[1] ?? "";
    const aborted = await valet("direct", "abort", id);
    expect(aborted.stdout).toMatch(/of bad: aborted/);
    expect((await deploy("v2")).code).toBe(0);
  });

  it("one that completed is not taken back in silence: the way back is named, and nothing is done", async () => {
    expect((await deploy("v2")).code).toBe(0);
    const id = /^(\w+) +staging +v2/m.exec((await valet("direct", "list")).stdout)?.[1] ?? "";
    const ran = await valet("direct", "rollback", id);
    expect([ran.code, servingDigests()]).toEqual([1, [digestOf("v2"), digestOf("v2")]]);
    expect(ran.stderr).toContain("is not taken back");
    expect(ran.stderr).toContain("deploys create v1 --environment staging --direct");
  });

  it.each([
    [["--hosts-file", "hosts.txt"], "--hosts-file is for --direct only"],
    [["--force-direct"], "--force-direct is for --direct only"],
    [["--direct", "--hosts-file", "hosts.txt", "--watch"], "--watch means nothing with --direct"],
    [["--direct", "--plan-revision", `p1${"-abcdef".repeat(6)}`], "--plan-revision means nothing with --direct"],
  ])("%j is a mistake, not a wish to ignore", async (flags, message) => {
    const ran = await valet("deploys", "create", "v2", "--environment", "production", ...flags);
    expect([ran.code, servingDigests()]).toEqual([2, [digestOf("v1"), digestOf("v1")]]);
    expect(ran.stderr).toContain(message);
  });

  it("another strategy than rolling is refused by its knob", async () => {
    const ran = await deploy("v2", "--knob", "strategy=canary");
    expect([ran.code, ran.stderr]).toEqual([2, expect.stringContaining("--knob strategy=canary needs the API")]);
  });
});
