import type { DeployView } from "@valet/contracts";
import { UserError } from "@valet/shared";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type FakeApi, startFakeApi } from "../testing/fake-api.ts";
import { fakeDeploy, fakeHost, id } from "../testing/fake-views.ts";
import { runValet } from "../testing/run-valet.ts";

const deployId = id("d1d1d1d1");
const second = { sandboxId: id("bbbbbbbb"), sandboxName: "sandbox-2" };
let api: FakeApi;
beforeEach(async () => {
  api = await startFakeApi();
});
afterEach(() => api.close());

/** The fake answers these views in turn, the last one for ever. */
function answerInTurn(views: readonly DeployView[]): void {
  let next = 0;
  api.answers.getDeploy = () => views[Math.min(next++, views.length - 1)] ?? fakeDeploy();
}

const started = fakeDeploy({ revision: 5, hosts: [fakeHost(), fakeHost(second)], waitingOn: [] });
const halfway = fakeDeploy({
  revision: 6,
  hostsUpdated: 1,
  hosts: [
    fakeHost({ step: "updated", reason: "runs v2" }),
    fakeHost({ ...second, step: "starting", reason: "fetching" }),
  ],
});
const completed = fakeDeploy({
  revision: 7,
  state: "completed",
  stateReason: "all hosts run v2",
  waitingOn: [],
  hostsUpdated: 2,
  hosts: [
    fakeHost({ step: "updated", reason: "runs v2" }),
    fakeHost({ ...second, step: "updated", reason: "runs v2" }),
  ],
  measures: { newWorkOnNewVersionMs: 61_000, lastOldTaskEndedMs: 70_000, tasksLost: 0, minCapacityPct: 100 },
});
const ending = (state: DeployView["state"]) =>
  fakeDeploy({ revision: 8, state, stateReason: `it is ${state}`, hosts: [] });
const inCanary = (text: string, over: Partial<DeployView> = {}) =>
  fakeDeploy({
    waitingOn: [],
    stateReason: "v2 to 2 sandboxes",
    hosts: [],
    progress: { phase: "canary", text, step: 1, stepsTotal: 2, bakeEndsAt: null, awaitsPromotion: false },
    ...over,
  });
const look = (number: number, bad: number, at: number): DeployView["analysis"] => ({
  ...{
    verdict: "inconclusive",
    final: false,
    reason: "too few tasks",
    look: number,
    looksTotal: 3,
    startedUntil: null,
    at,
  },
  metrics: [
    {
      ...{ name: "failureRate", kind: "failure_rate", test: "fisher", pValue: 0.476, alphaSpent: 0.01, reason: "" },
      ...{ verdict: "inconclusive", canary: { n: 20, bad }, control: { n: 22, bad: 0 } },
    },
  ],
});
const canaryCourse = [
  inCanary("canary step 1 of 2: 1 host, 25 % of its tasks, on the way there"),
  inCanary("canary step 1 of 2: 1 host, 25 % of its tasks, baking until 2026-11-23T21:00:00.000Z", {
    analysis: look(1, 0, 1),
  }),
  inCanary("canary step 1 of 2: 1 host, 25 % of its tasks, waits for promotion", { analysis: look(2, 1, 2) }),
  inCanary("paused: paused by ann (canary step 1 of 2)", {
    state: "paused",
    stateReason: "paused by ann",
    analysis: look(2, 1, 2),
  }),
];
const watch = ["deploys", "show", deployId, "--watch"];

describe("off a terminal", () => {
  it("tells a canary's steps, bake, looks, promotion and pause line by line", async () => {
    answerInTurn([...canaryCourse, completed]);
    const ran = await runValet(watch, { api });
    expect(ran.stdout.split("\n").slice(1, -5)).toEqual([
      "12:00:00  deploy  in_progress  v2 to 2 sandboxes",
      "12:00:00  deploy  canary step 1 of 2: 1 host, 25 % of its tasks, on the way there",
      "12:00:00  deploy  canary step 1 of 2: 1 host, 25 % of its tasks, baking until 2026-11-23T21:00:00.000Z",
      "12:00:00  canary  failures 0 of 20 against 0 of 22, p = 0.48, look 1 of 3: no verdict yet",
      "12:00:00  deploy  canary step 1 of 2: 1 host, 25 % of its tasks, waits for promotion",
      "12:00:00  canary  failures 1 of 20 against 0 of 22, p = 0.48, look 2 of 3: no verdict yet",
      "12:00:00  deploy  paused  paused by ann",
    ]);
  });

  it("prints one line a change and ends with 0 when it completed", async () => {
    answerInTurn([started, halfway, halfway, completed]);
    const ran = await runValet(watch, { api });
    expect(ran.stderr).toBe("");
    expect(ran.stdout.split("\n")).toEqual([
      "Deploy d1d1d1d1: ghosthands v2 to staging, 2 hosts",
      "12:00:00  deploy  in_progress  started by webhook",
      "12:00:00  deploy  in_progress  started by webhook; waits for sandbox-1",
      "12:00:00  sandbox-1  updated  runs v2 (1 tasks running)",
      "12:00:00  sandbox-2  starting  fetching (1 tasks running)",
      "12:00:00  sandbox-2  updated  runs v2 (1 tasks running)",
      "12:00:00  deploy  completed  all hosts run v2",
      "Deploy d1d1d1d1 completed: 2 of 2 hosts updated, new work on it after 1m 1s, last old task ended after 1m 10s, 0 tasks lost, lowest capacity 100 %",
      "",
    ]);
    expect(ran.code).toBe(0);
  });

  it.each(["failed", "aborted", "rolled_back", "superseded"] as const)("ends with 1 when it is %s", async (state) => {
    answerInTurn([started, ending(state)]);
    const ran = await runValet(watch, { api });
    expect(ran.code).toBe(1);
    expect(ran.stdout).toContain(`deploy  ${state}  it is ${state}`);
  });

  it("with --json is one document a line, the last one with the whole deploy", async () => {
    answerInTurn([started, halfway, completed]);
    const ran = await runValet([...watch, "--json"], { api });
    const documents = ran.stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as { type: string });
    expect(documents.map(({ type }) => type)).toEqual(["deploy", "deploy", "host", "host", "host", "deploy", "ended"]);
    expect(documents.at(-1)).toMatchObject({ type: "ended", state: "completed", deploy: { revision: 7 } });
  });

  it("goes through an API that is away for a while, and says so", async () => {
    let calls = 0;
    api.answers.getDeploy = () => {
      calls += 1;
      if (calls === 2 || calls === 3) throw new UserError("unavailable", "the database is away");
      return calls === 1 ? started : completed;
    };
    const ran = await runValet(watch, { api });
    expect(ran.code).toBe(0);
    expect(ran.stdout.match(/the rollout goes on, trying again/g)).toHaveLength(1);
    expect(ran.stdout).toContain("The API answers again");
  });

  it("gives up at once when the deploy cannot be read at all", async () => {
    const ran = await runValet(watch, { api });
    expect(ran.code).toBe(1);
    expect(ran.stderr).toContain("Could not show deploy");
  });

  it("stops at Ctrl-C with 130 and leaves the rollout alone", async () => {
    answerInTurn([started]);
    const stop = new AbortController();
    const ran = await runValet(watch, { api, signal: stop.signal, onOutput: () => stop.abort() });
    expect(ran.code).toBe(130);
    expect(ran.stderr).toContain("What was watched goes on by itself.");
    expect(api.calls.every(({ route }) => route === "getDeploy")).toBe(true);
  });
});

describe("the live connection", () => {
  it("wakes the watch long before it would poll, and resumes behind the last event", async () => {
    let view = started;
    api.answers.getDeploy = () => view;
    // Sleeps are cut to 20 ms in tests; here polling must not be what moves things on.
    const clock = { now: () => 0, monotonicMs: () => 0, sleep: sleepForLong };
    const running = runValet(watch, { api, clock });
    await until(() => api.greeted.length === 1);
    view = halfway;
    api.push({ eventId: 41, type: "deploy_update", deployId, status: "in_progress", sandboxes: [] });
    await until(() => api.calls.length >= 2);
    api.dropSockets();
    await until(() => api.greeted.length === 2);
    expect(api.greeted[1]?.lastEventId).toBe(41);
    view = completed;
    api.push({ eventId: 42, type: "deploy_update", deployId, status: "completed", sandboxes: [] });
    expect((await running).code).toBe(0);
  });

  it("ignores what concerns others", async () => {
    let view = started;
    api.answers.getDeploy = () => view;
    const clock = { now: () => 0, monotonicMs: () => 0, sleep: sleepForLong };
    const running = runValet(watch, { api, clock });
    await until(() => api.greeted.length === 1);
    api.push({ eventId: 1, type: "deploy_update", deployId: id("ffffffff"), status: "in_progress", sandboxes: [] });
    api.push({ eventId: 2, type: "sandbox_update", sandboxId: id("aaaaaaaa"), status: "active" });
    view = completed;
    api.push({ eventId: 3, type: "deploy_update", deployId, status: "completed", sandboxes: [] });
    expect((await running).code).toBe(0);
    expect(api.calls).toHaveLength(2);
  });
});

describe("actions with --watch", () => {
  it("a retry waits until the ended deploy has moved again", async () => {
    const failed = fakeDeploy({ state: "failed", revision: 8 });
    api.answers.retryDeploy = () => failed;
    answerInTurn([failed, failed, fakeDeploy({ revision: 9 }), completed]);
    expect((await runValet(["deploys", "retry", deployId, "--watch"], { api })).code).toBe(0);
  });

  it("a rollback follows the deploy it was answered with and is done when it has rolled back", async () => {
    const back = id("d2d2d2d2");
    api.answers.rollbackDeploy = () => fakeDeploy({ id: back, state: "queued" });
    api.answers.getDeploy = ({ params }) => fakeDeploy({ id: params.id, state: "completed" });
    const asNew = await runValet(["deploys", "rollback", deployId, "--watch"], { api });
    expect(asNew.code).toBe(0);
    expect(api.calls.at(-1)?.params.id).toBe(back);
    api.answers.rollbackDeploy = () => fakeDeploy({ state: "rolling_back" });
    answerInTurn([ending("rolled_back")]);
    expect((await runValet(["deploys", "rollback", deployId, "--watch"], { api })).code).toBe(0);
  });

  it("an abort is done when it has aborted, a trigger is not", async () => {
    answerInTurn([ending("aborted")]);
    api.answers.abortDeploy = () => fakeDeploy({ state: "aborting" });
    api.answers.triggerDeploy = () => fakeDeploy({ state: "in_progress" });
    expect((await runValet(["deploys", "abort", deployId, "--watch"], { api })).code).toBe(0);
    expect((await runValet(["deploys", "trigger", deployId, "--watch"], { api })).code).toBe(1);
  });

  it("sends reason, revision and knobs", async () => {
    api.answers.triggerDeploy = () => fakeDeploy();
    const flags = ["--reason", "now", "--revision", "4", "--knob", "maxParallel=2", "--knob", "order=stop-first"];
    await runValet(["deploys", "trigger", deployId, ...flags], { api });
    const knobs = { maxParallel: 2, order: "stop-first" };
    expect(api.calls.at(-1)?.body).toEqual({ reason: "now", revision: 4, knobs, ignoreFreeze: false });
  });

  it("sends the strategy, a list of canary steps and the wish to ignore a freeze", async () => {
    api.answers.triggerDeploy = () => fakeDeploy();
    const steps = '[{"hosts":1,"taskSharePct":25,"bakeMs":60000}]';
    const flags = [
      "--strategy",
      "canary",
      "--knob",
      `canarySteps=${steps}`,
      "--knob",
      "autoPromote=false",
      "--ignore-freeze",
    ];
    await runValet(["deploys", "trigger", deployId, ...flags], { api });
    const knobs = { strategy: "canary", canarySteps: JSON.parse(steps), autoPromote: false };
    expect(api.calls.at(-1)?.body).toEqual({ reason: "", knobs, ignoreFreeze: true });
  });

  it("an approval says how many are still missing", async () => {
    const given = [{ actor: "operator:acme/bob", at: fakeDeploy().createdAt, reason: "" }];
    api.answers.approveDeploy = () => fakeDeploy({ state: "awaiting_approval", approvals: { required: 2, given } });
    const ran = await runValet(["deploys", "approve", deployId], { api });
    expect(ran.stdout).toBe("Approved, 1 of 2: it takes 1 more.\nFollow it: valet deploys show d1d1d1d1 --watch\n");
  });

  it("an approval of one's own deploy, and a promotion that nothing waits for, fail with the API's sentence", async () => {
    api.answers.approveDeploy = () => {
      throw new UserError("own_deploy", "operator:acme/ann asked for this deploy: another person has to approve it.");
    };
    api.answers.promoteDeploy = () => {
      throw new UserError("conflict", "This deploy does not wait for promote: it waits for sandbox-2 to boot.");
    };
    const approved = await runValet(["deploys", "approve", deployId], { api });
    expect([approved.code, approved.stderr]).toEqual([1, expect.stringContaining("another person has to approve it")]);
    const promoted = await runValet(["deploys", "promote", deployId], { api });
    expect([promoted.code, promoted.stderr]).toEqual([1, expect.stringContaining("it waits for sandbox-2 to boot")]);
  });
});

describe("on a terminal", () => {
  const plain = (text: string) =>
    text.replaceAll(new RegExp(`${String.fromCodePoint(27)}\\[[0-9;?]*[A-Za-z]`, "g"), "");

  it("shows a line a host that ends with its outcome", async () => {
    answerInTurn([started, halfway, completed]);
    const ran = await runValet(watch, { api, isTty: true });
    expect(ran.code).toBe(0);
    const text = plain(ran.stdout);
    expect(text).toMatch(/✔ sandbox-1 {2}updated/);
    expect(text).toMatch(/✔ sandbox-2 {2}updated/);
    expect(text).toMatch(/✔ deploy {2}completed/);
    expect(text.trimEnd().split("\n").at(-1)).toContain("Deploy d1d1d1d1 completed: 2 of 2 hosts updated");
  });

  it("shows a rollback as a list of its own below what went before", async () => {
    const failing = fakeDeploy({
      state: "rolling_back",
      hosts: [fakeHost({ step: "rolling_back", reason: "the browser does not start" }), fakeHost(second)],
    });
    const over = fakeDeploy({
      state: "rolled_back",
      stateReason: "v1 runs everywhere",
      hosts: [fakeHost({ step: "rolled_back", reason: "runs v1 again" }), fakeHost({ ...second, step: "skipped" })],
    });
    answerInTurn([started, halfway, failing, over]);
    const ran = await runValet(watch, { api, isTty: true });
    expect(ran.code).toBe(1);
    const text = plain(ran.stdout);
    expect(text).toContain("rolled back instead");
    expect(text).toMatch(/✔ sandbox-1 {2}rolled_back/);
    expect(text).toMatch(/✖ deploy {2}rolled_back {2}v1 runs everywhere/);
  });

  it("falls back to plain lines when there are more hosts than lines", async () => {
    const hosts = Array.from({ length: 50 }, (_, index) =>
      fakeHost({ sandboxName: `sandbox-${index}`, step: "updated" }),
    );
    answerInTurn([fakeDeploy({ hosts }), fakeDeploy({ hosts, state: "completed" })]);
    const ran = await runValet(watch, { api, isTty: true });
    expect(ran.stdout).toContain("12:00:00  sandbox-49  ");
  });
});

/** Ends only when aborted, or after a burst: no polling happens within a test. */
function sleepForLong(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (ms <= 100) return void setTimeout(resolve, 1);
    if (signal?.aborted) return reject(signal.reason as Error);
    signal?.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
  });
}

async function until(isTrue: () => boolean): Promise<void> {
  const deadline = Date.now() + 40_000;
  while (!isTrue()) {
    if (Date.now() > deadline) throw new Error("it did not happen within 40 s");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
