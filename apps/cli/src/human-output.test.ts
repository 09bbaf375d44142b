import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type FakeApi, type FakeAnswers, startFakeApi } from "./testing/fake-api.ts";
import { at, digest, fakeDeploy, fakeHost, fakeSandbox, fakeTask, id, page } from "./testing/fake-views.ts";
import { runValet } from "./testing/run-valet.ts";

const release = {
  id: id("eeeeeeee"),
  service: "ghosthands" as const,
  version: "v2",
  imageTag: "v2",
  imageDigest: digest("2"),
  commitSha: "0123456789abcdef",
  commitMessage: "Faster forms",
  createdAt: at(3_600_000),
};
const cordons = [{ holderKind: "operator" as const, holderId: "ann", reason: "looks odd", since: at(60_000) }];
const answers: FakeAnswers = {
  health: () => ({
    status: "ok",
    service: "valet-api",
    version: "0.1.0",
    environment: "staging",
    dependencies: { database: "ok", redis: "disabled" },
    uptimeSeconds: 5,
    timestamp: at(0),
  }),
  listSandboxes: () =>
    page([
      fakeSandbox({ cordons }),
      fakeSandbox({
        id: id("bbbbbbbb"),
        name: "sandbox-2",
        state: "unhealthy",
        status: "unhealthy",
        reachable: false,
        sessionLive: false,
        quarantined: true,
        lastSeenAt: at(400_000),
      }),
    ]),
  getSandbox: () => fakeSandbox({ cordons }),
  cordonSandbox: () => fakeSandbox({ cordons }),
  uncordonSandbox: () => fakeSandbox({ cordons: [{ ...cordons[0]!, holderKind: "deploy", holderId: "d1" }] }),
  listTasks: () => page([fakeTask()], 3),
  getTask: () =>
    fakeTask({
      state: "failed",
      stateReason: "step 2 failed",
      endedAt: at(5000),
      error: { code: "assert_failed", message: "Thanks was not found", stepIndex: 2 },
      result: { number: "A-17" },
      artifacts: [
        {
          id: id("cccccccc"),
          name: "end.png",
          contentType: "image/png",
          bytes: 1234,
          sha256: "0",
          createdAt: at(5000),
        },
      ],
    }),
  submitTask: () => fakeTask({ state: "queued" }),
  cancelTask: () => fakeTask({ cancelRequested: true }),
  retryTask: () => fakeTask({ id: id("8b8b8b8b"), state: "queued" }),
  reviewTask: () => fakeTask({ state: "completed" }),
  whyTask: () => ({
    state: "queued",
    code: "no_free_slot",
    message: "All 4 slots are busy.",
    position: 3,
    etaMs: 95_000,
  }),
  taskEvents: () =>
    `id: 1\nevent: attempt_started\ndata: ${JSON.stringify({ fence: 1, seq: 1, type: "attempt_started", at: at(9000), data: {} })}\n\n` +
    `id: 2\nevent: step_done\ndata: ${JSON.stringify({ fence: 1, seq: 2, type: "step_done", at: at(8000), data: { index: 0, name: "open" } })}\n\n`,
  listDeploys: ({ query }) => page(query.state && query.state !== "in_progress" ? [] : [fakeDeploy()]),
  getDeploy: () =>
    fakeDeploy({
      hosts: [
        fakeHost({
          step: "updated",
          reason: "runs v2",
          newGeneration: 8,
          reportedDigest: digest("2"),
          endedAt: at(9000),
        }),
        fakeHost({ sandboxId: id("bbbbbbbb"), sandboxName: "sandbox-2", activeTaskCount: null }),
      ],
      measures: { newWorkOnNewVersionMs: 61_000, lastOldTaskEndedMs: null, tasksLost: 0, minCapacityPct: 100 },
    }),
  createDeploy: () => fakeDeploy({ state: "queued", stateReason: "behind another deploy" }),
  pauseDeploy: () => fakeDeploy({ state: "paused" }),
  rollbackDeploy: () => fakeDeploy({ id: id("d2d2d2d2"), state: "queued", imageTag: "v1" }),
  getDeployConfig: () => ({ autoDeployStaging: true, autoDeployProd: false }),
  putDeployConfig: ({ body }) => ({ autoDeployStaging: true, autoDeployProd: false, ...(body as object) }),
  listReleases: () => page([release]),
};

let api: FakeApi;
beforeAll(async () => {
  api = await startFakeApi(answers);
});
afterAll(() => api.close());

const lines = [
  "status",
  "sandboxes list",
  "sandboxes show sandbox-1",
  "sandboxes cordon sandbox-1 --reason odd",
  "sandboxes uncordon sandbox-1",
  "tasks list",
  "tasks show 7a7a",
  "tasks submit --url https://example.com",
  "tasks cancel 7a7a",
  "tasks retry 7a7a",
  "tasks review 7a7a --decision completed",
  "tasks why 7a7a",
  "tasks events 7a7a",
  "deploys list --environment prod",
  "deploys show d1d1",
  "deploys create v2 --environment staging --knob maxParallel=2 --sandbox sandbox-1",
  "deploys pause d1d1 --reason lunch",
  "deploys rollback d1d1",
  "deploys config",
  "deploys config --auto-deploy-prod on",
  "releases list --service ghosthands",
];

describe("off a terminal", () => {
  it.each(lines)("valet %s", async (line) => {
    const ran = await runValet(line.split(" "), { api });
    expect(ran.stderr).toBe("");
    expect(ran.code).toBe(0);
    expect(ran.stdout.replaceAll(api.url, "http://api")).toMatchSnapshot();
  });

  it.each(lines)("valet %s --json is one JSON document, or one a line", async (line) => {
    const ran = await runValet([...line.split(" "), "--json"], { api });
    expect(ran).toMatchObject({ code: 0, stderr: "" });
    const documents = line.startsWith("tasks events") ? ran.stdout.trimEnd().split("\n") : [ran.stdout];
    for (const document of documents) expect(typeof JSON.parse(document)).toBe("object");
  });

  it("an empty list says what makes the first one", async () => {
    const empty = await startFakeApi({ listTasks: () => page([]), listSandboxes: () => page([]) });
    expect((await runValet(["tasks", "list"], { api: empty })).stdout).toBe(
      "No tasks found. Submit one with valet tasks submit.\n",
    );
    expect((await runValet(["sandboxes", "list"], { api: empty })).stdout).toContain("valet sandboxes add");
    await empty.close();
  });
});

describe("on a terminal", () => {
  const escape = String.fromCodePoint(27);

  it("states have colours", async () => {
    const ran = await runValet(["sandboxes", "list"], { api, isTty: true });
    expect(ran.stdout).toContain(`${escape}[31munhealthy${escape}[39m`);
  });

  it("NO_COLOR and TERM=dumb are honoured", async () => {
    const environments: Record<string, string>[] = [{ NO_COLOR: "1" }, { TERM: "dumb" }];
    for (const environment of environments) {
      const ran = await runValet(["sandboxes", "list"], { api, isTty: true, environment });
      expect(ran.stdout).not.toContain(escape);
    }
  });
});

describe("status", () => {
  it("fails when the API is not sound", async () => {
    const sick = await startFakeApi({
      ...answers,
      health: (call) => ({
        ...answers.health!(call),
        status: "degraded",
        dependencies: { database: "ok", redis: "down" },
      }),
    });
    const ran = await runValet(["status"], { api: sick });
    expect(ran.code).toBe(1);
    expect(ran.stdout).toContain("degraded");
    await sick.close();
  });
});
