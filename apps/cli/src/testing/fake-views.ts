import type { DeployView, SandboxView, TaskView } from "@valet/contracts";
import { defaultKnobs } from "@valet/shared";

/** The moment all fake views are told at. */
export const fakeNow = Date.parse("2026-03-01T12:00:00.000Z");
export const at = (agoMs: number) => new Date(fakeNow - agoMs).toISOString();
export const id = (first: string) => `${first}-0000-4000-8000-000000000000`;
export const digest = (letter: string) => `sha256:${letter.repeat(64)}`;

export function page<T>(data: T[], totalPages = 1) {
  return { data, pagination: { page: 1, pageSize: 25, total: data.length * totalPages, totalPages } };
}

export function fakeSandbox(over: Partial<SandboxView> = {}): SandboxView {
  return {
    id: id("aaaaaaaa"),
    name: "sandbox-1",
    environment: "staging",
    instanceId: "i-1",
    publicIp: "10.0.0.1",
    agentPort: 8000,
    instanceType: "t3.large",
    browserEngine: "chromium",
    capacity: 2,
    labels: { zone: "a" },
    status: "active",
    state: "active",
    stateReason: "",
    reachable: true,
    sessionLive: true,
    lastSeenAt: at(4000),
    quarantined: false,
    pinnedTo: null,
    drift: null,
    cordons: [],
    slots: [
      { index: 0, state: "occupied", generation: 7, taskId: id("7a7a7a7a"), since: at(65_000) },
      { index: 1, state: "accepting", generation: 7, taskId: null, since: at(5000) },
    ],
    generations: [
      {
        generation: 7,
        state: "serving",
        releaseTag: "v1",
        releaseDigest: digest("1"),
        spareReady: false,
        accepting: true,
        lastReportedAt: at(2000),
      },
    ],
    releaseTag: "v1",
    releaseDigest: digest("1"),
    activeTaskCount: 1,
    createdAt: at(86_400_000),
    ...over,
  };
}

export function fakeTask(over: Partial<TaskView> = {}): TaskView {
  return {
    id: id("7a7a7a7a"),
    tenantId: "default",
    environment: "staging",
    state: "running",
    stateReason: "acknowledged by sandbox-1",
    url: "https://example.com/form",
    stepCount: 3,
    stepsDone: 1,
    priority: 0,
    attemptCount: 1,
    cancelRequested: false,
    metadata: { order: "17" },
    sandboxId: id("aaaaaaaa"),
    sandboxName: "sandbox-1",
    createdAt: at(70_000),
    enqueuedAt: at(70_000),
    startedAt: at(65_000),
    endedAt: null,
    spec: {
      url: "https://example.com/form",
      steps: [{ action: "screenshot", as: "screenshot", fullPage: false }],
      allowedDomains: [],
      timeoutMs: 300_000,
      queueTimeoutMs: 3_600_000,
      priority: 0,
      placement: { labels: {} },
      retry: { maxAttempts: 3 },
      restart: "review",
      metadata: {},
    },
    result: null,
    error: null,
    attempts: [
      {
        number: 1,
        fence: 1,
        sandboxId: id("aaaaaaaa"),
        sandboxName: "sandbox-1",
        slot: 0,
        generation: 7,
        releaseTag: "v1",
        releaseDigest: digest("1"),
        reservedAt: at(66_000),
        acknowledgedAt: at(65_000),
        endedAt: null,
        outcome: null,
        reason: null,
      },
    ],
    artifacts: [],
    ...over,
  };
}

export function fakeDeploy(over: Partial<DeployView> = {}): DeployView {
  return {
    id: id("d1d1d1d1"),
    environment: "staging",
    service: "ghosthands",
    imageTag: "v2",
    imageDigest: digest("2"),
    previousTag: "v1",
    previousDigest: digest("1"),
    commitSha: "0123456789abcdef",
    commitMessage: "Faster forms",
    state: "in_progress",
    stateReason: "started by webhook",
    waitingOn: ["sandbox-1"],
    trigger: "webhook",
    createdBy: "pipeline",
    revision: 4,
    hostsTotal: 2,
    hostsUpdated: 0,
    hostsFailed: 0,
    createdAt: at(95_000),
    startedAt: at(90_000),
    endedAt: null,
    knobs: defaultKnobs(),
    progress: {
      phase: "rolling",
      text: "0 of 2 hosts run v2, 1 on the way",
      step: null,
      stepsTotal: 0,
      bakeEndsAt: null,
      awaitsPromotion: false,
    },
    analysis: null,
    approvals: { required: 0, given: [] },
    freeze: null,
    ignoreFreeze: false,
    configVersion: null,
    warnings: [],
    hosts: [
      fakeHost({ step: "verifying", reason: "1 of 2 checks passed", startedAt: at(60_000), newGeneration: 8 }),
      fakeHost({ sandboxId: id("bbbbbbbb"), sandboxName: "sandbox-2", activeTaskCount: null }),
    ],
    decisions: [],
    measures: { newWorkOnNewVersionMs: null, lastOldTaskEndedMs: null, tasksLost: null, minCapacityPct: null },
    ...over,
  };
}

type Host = DeployView["hosts"][number];
export function fakeHost(over: Partial<Host> = {}): Host {
  const step = over.step ?? "pending";
  return {
    sandboxId: id("aaaaaaaa"),
    sandboxName: "sandbox-1",
    step,
    status: step,
    order: "start-first",
    reason: "",
    message: over.reason ?? "",
    oldGeneration: 7,
    newGeneration: null,
    reportedDigest: null,
    activeTaskCount: 1,
    startedAt: null,
    endedAt: null,
    ...over,
  };
}
