import type { DeployHistory, DeployPlan, ReleaseFacts } from "@valet/contracts";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type FakeApi, startFakeApi } from "../testing/fake-api.ts";
import { id } from "../testing/fake-views.ts";
import { runValet } from "../testing/run-valet.ts";

const deployId = id("d1d1d1d1");
const digest = `sha256:${"ab".repeat(32)}`;
const at = "2026-11-23T12:00:00.000Z";
let api: FakeApi;
beforeEach(async () => {
  api = await startFakeApi();
});
afterEach(() => api.close());

const plannedHost = (number: number, change: Partial<DeployPlan["hosts"][number]>): DeployPlan["hosts"][number] => ({
  ...{ sandboxId: id(`0000000${number}`), sandboxName: `sandbox-${number}`, wave: number, order: "start-first" },
  ...{ action: "change", text: "the new generation boots beside the old one", notes: [], tasks: number },
  ...{ memory: { totalMb: 8000, usedMb: 3000, neededMb: 1600, admits: true }, observedAgoMs: 2000 },
  ...change,
});
const plan = (change: Partial<DeployPlan> = {}): DeployPlan => ({
  ...{ revision: "p1-000001-000001-000001-000001-000001-000001", plannedAt: at, environment: "staging" },
  ...{ service: "ghosthands", imageTag: "v2", imageDigest: digest, previousTag: "v1", strategy: "canary", state: null },
  hosts: [
    plannedHost(1, { notes: ["pinned by hand to v0: this deploy takes its place"] }),
    plannedHost(2, { wave: null, action: "skip", text: "left out: it is away", memory: null, observedAgoMs: null }),
  ],
  waves: [
    {
      ...{ wave: 1, text: "canary step 1 of 1: 25 % of their tasks", hosts: 7, bakeMs: 600_000 },
      ...{ sandboxNames: ["sandbox-1"], waitsForPromotion: true },
    },
  ],
  blockers: [],
  openTasks: 3,
  tasksAtRisk: [],
  tasksAtRiskTotal: 0,
  eta: {
    newWorkOnNewVersion: { p50Ms: 70_000, p90Ms: 3_720_000 },
    lastOldTaskEnded: { p50Ms: 200, p90Ms: 90_000 },
    ...{ basis: "from 3 changes", measuredChanges: 3, measuredTasks: 9, without: ["people"] },
  },
  ...change,
});

describe("valet deploys plan", () => {
  it("says waves, hosts, times and that nothing was changed, and ends with 0 when nothing stands in its way", async () => {
    api.answers.planDeploy = () => plan();
    const ran = await runValet(["deploys", "plan", "v2", "--environment", "staging"], { api });
    expect([ran.code, ran.stderr]).toEqual([0, ""]);
    expect(ran.stdout).toContain("ghosthands v2 to staging, 1 of 2 hosts");
    expect(ran.stdout).toContain("p50 1 min 10 s, p90 1 h 2 min");
    expect(ran.stdout).toContain("p50 at once, p90 1 min 30 s");
    expect(ran.stdout).toContain("Nothing stands in its way.");
    const wave =
      "  1. sandbox-1 and 2 more (canary step 1 of 1: 25 % of their tasks), then bakes 10 min and waits for promote";
    expect(ran.stdout).toContain(wave);
    expect(ran.stdout).toMatch(/sandbox-1 +1 +change +1 +5000 MB free, needs 1600 +2 s ago .*; pinned by hand to v0/);
    expect(ran.stdout).toMatch(/sandbox-2 +- +skip +2 +\? +never +left out: it is away/);
    expect(ran.stdout).toContain("3 tasks run now; none is likely to outlast its drain deadline.");
    expect(ran.stdout).toMatch(/Nothing was changed\. To insist on this plan: --plan-revision p1-000001/);
  });

  it("names what would hold it and the tasks at risk, and ends with 1", async () => {
    const blockers: DeployPlan["blockers"] = [
      { kind: "unreachable", blocks: false, text: "sandbox-2 is away", until: null },
      { kind: "freeze", blocks: true, text: 'freeze "weekend"', until: at },
    ];
    const risk = {
      taskId: id("7a7a7a7a"),
      sandboxName: "sandbox-1",
      drainDeadlineInMs: 300_000,
      chancePastDeadline: 0.314,
    };
    const tasksAtRisk = [{ ...risk, endsIn: { p50Ms: 60_000, p90Ms: 600_000 }, then: "the deploy pauses" }];
    api.answers.planDeploy = () => plan({ blockers, tasksAtRisk, tasksAtRiskTotal: 1 });
    const ran = await runValet(["deploys", "plan", "v2", "--environment", "staging"], { api });
    expect(ran.code).toBe(1);
    expect(ran.stdout).toContain(`It would wait:\n  ✗ freeze "weekend" (until ${at})\n  ! sandbox-2 is away`);
    expect(ran.stdout).toContain("1 of 3 tasks may outlast the drain deadline:");
    expect(ran.stdout).toMatch(/7a7a7a7a +sandbox-1 +p50 1 min, p90 10 min +5 min +31 % +the deploy pauses/);
  });

  it("a deploy that only awaits its trigger is not held by that", async () => {
    const blockers: DeployPlan["blockers"] = [
      { kind: "trigger", blocks: true, text: "somebody to trigger it", until: null },
    ];
    api.answers.planDeploy = () => plan({ blockers });
    const ran = await runValet(["deploys", "plan", "--deploy", deployId, "--strategy", "rolling"], { api });
    expect(ran.code).toBe(0);
    expect(api.calls.at(-1)?.body).toMatchObject({ deployId, knobs: { strategy: "rolling" } });
  });

  it("sends the strategy with the knobs, and refuses one that is none", async () => {
    api.answers.planDeploy = () => plan();
    const base = ["deploys", "plan", "v2", "--environment", "staging"];
    await runValet([...base, "--strategy", "blue-green", "--knob", "autoPromote=false"], { api });
    expect(api.calls.at(-1)?.body).toMatchObject({ knobs: { strategy: "blue-green", autoPromote: false } });
    const ran = await runValet([...base, "--strategy", "sideways"], { api });
    expect(ran.code).toBe(2);
    expect(ran.stderr).toContain("canary");
  });
});

describe("valet deploys history", () => {
  const entry = (revision: number, change: Partial<DeployHistory["entries"][number]> = {}) => ({
    ...{ revision, at, state: "in_progress" as const },
    decisions: [{ seq: revision, actor: "engine", summary: `decision ${revision}`, data: {}, at }],
    observed: { environment: {}, sandboxes: [], sandboxesChanged: 0 },
    ...change,
  });

  it("prints every decision with its time, revision and whoever was not the engine, page after page", async () => {
    const asked = { seq: 9, actor: "operator:acme/ann", summary: "paused by ann", data: {}, at };
    api.answers.deployHistory = ({ query }) =>
      Number(query.after) === 0
        ? { entries: [entry(1)], next: 1 }
        : { entries: [entry(2, { decisions: [] }), entry(3, { decisions: [asked] })], next: null };
    const ran = await runValet(["deploys", "history", deployId], { api });
    expect(ran.stdout.trimEnd().split("\n")).toEqual([
      `${at}  r1  decision 1`,
      `${at}  r2  (nothing but what it waits for)`,
      `${at}  r3 [operator:acme/ann]  paused by ann`,
    ]);
    expect(api.calls.map(({ query }) => Number(query["after"]))).toEqual([0, 1]);
  });

  it("with --all prints what was seen before, and how much more there was", async () => {
    const sandboxes = [{ sandboxId: id("aaaaaaaa"), sandboxName: "sandbox-1", changed: { phase: "verified" } }];
    const observed = { environment: {}, sandboxes, sandboxesChanged: 4 };
    api.answers.deployHistory = () => ({ entries: [entry(1, { observed })], next: null });
    const ran = await runValet(["deploys", "history", deployId, "--all"], { api });
    expect(ran.stdout).toContain('\n    sandbox-1: {"phase":"verified"}\n    … and 3 more sandboxes');
  });

  it("says so when nothing was decided yet", async () => {
    api.answers.deployHistory = () => ({ entries: [], next: null });
    expect((await runValet(["deploys", "history", deployId], { api })).stdout).toBe("Nothing was decided yet.\n");
  });
});

describe("valet releases compare", () => {
  const facts = (imageTag: string, change: Partial<ReleaseFacts> = {}): ReleaseFacts => ({
    ...{ imageTag, imageDigest: digest, deploys: [], rollbacks: 0, tasksLost: 0, minCapacityPct: null },
    ...{ tasks: 0, tasksFailed: 0, failureRate: null, taskDuration: null },
    ...change,
  });

  it("sets the two side by side and says what differs; what nobody measured is a question mark", async () => {
    const deploy = { id: deployId, environment: "staging", state: "completed" as const, startedAt: at };
    const clocks = { newWorkOnNewVersionMs: 61_000, lastOldTaskEndedMs: 70_000, tasksLost: 0, minCapacityPct: 100 };
    const measured = {
      deploys: [{ ...deploy, ...clocks }],
      minCapacityPct: 99.6,
      rollbacks: 1,
      tasks: 40,
      tasksFailed: 3,
    };
    const to = facts("v2", { ...measured, failureRate: 0.075, taskDuration: { p50Ms: 9_000, p90Ms: 61_000 } });
    api.answers.compareReleases = () => ({ from: facts("v1"), to, differences: ["v2 failed 3 of 40 tasks"] });
    const ran = await runValet(["releases", "compare", "v1", "v2"], { api });
    const row = (label: string) =>
      ran.stdout
        .split("\n")
        .find((line) => line.startsWith(label))
        ?.split(/ {2,}/)
        .slice(1);
    expect(row("deploys")).toEqual(["none", "d1d1d1d1 completed"]);
    expect(row("new work on it after")).toEqual(["?", "1 min 1 s"]);
    expect(row("lowest capacity")).toEqual(["?", "100 %"]);
    expect(row("tasks failed")).toEqual(["0 of 0", "3 of 40 (7.5 %)"]);
    expect(row("task duration")).toEqual(["?", "p50 9 s, p90 1 min 1 s"]);
    expect(ran.stdout.trimEnd()).toMatch(/\n\nv2 failed 3 of 40 tasks$/);
  });
});
