import { describe, expect, it } from "vitest";
import type { DeployDocument, HostStep } from "../../model.ts";
import { freshHostEngine } from "../../model.ts";
import { freshDeploy } from "../../testing/world.ts";
import { defaultKnobs } from "@valet/shared";
import { makeSimHost, type SimGeneration, type SimHost } from "../sim-host.ts";
import type { MemoryTaskSandbox } from "../tasks/model.ts";
import * as deployLaws from "./deploy-laws.ts";
import { firstWave } from "./first-wave.ts";
import { epochOrder, noTaskKilled, oneWarmGeneration, savedBeforePerformed, slotsWithinCapacity } from "./host-laws.ts";

const digest = (letter: string): string => `sha256:${letter.repeat(64)}`;

function step(change: Partial<HostStep> = {}): HostStep {
  return {
    ...{
      sandboxId: "a",
      name: "a",
      step: "verifying",
      order: "start-first",
      reason: "",
      oldGeneration: 1,
      newGeneration: 2,
    },
    ...{ reportedDigest: null, startedAt: 0, endedAt: null, engine: freshHostEngine() },
    ...change,
  };
}

function deploy(change: Partial<DeployDocument> = {}): DeployDocument {
  const more = {
    state: "in_progress" as const,
    imageDigest: digest("b"),
    previousDigest: digest("a"),
    hosts: [step()],
  };
  return freshDeploy("d1", "v2", "staging", defaultKnobs(), { ...more, ...change });
}

function generation(change: Partial<SimGeneration> = {}): SimGeneration {
  return {
    ...{
      generation: 2,
      state: "serving",
      tag: "v2",
      digest: digest("b"),
      reports: digest("b"),
      healthy: true,
      restarts: 0,
    },
    ...{ isLooping: false, bootId: "x", isWorkerUp: true, startedAt: "", afterDrain: "warm", handsOver: false },
    ...{ warmForMs: 0, warmUntilMs: null, idleSinceMs: null, slots: new Map(), spare: "none" },
    ...change,
  } as SimGeneration;
}

function host(change: Partial<SimHost> = {}): SimHost {
  return Object.assign(makeSimHost("a", 2), { generations: [generation()] }, change);
}

function sandbox(change: Partial<MemoryTaskSandbox> = {}): MemoryTaskSandbox {
  return { slots: [], cordons: [], epoch: 3, open: new Set(), ...change } as MemoryTaskSandbox;
}

function saved(
  next: DeployDocument,
  change: Partial<deployLaws.Saved> & { host?: SimHost; sandbox?: MemoryTaskSandbox } = {},
): deployLaws.Saved {
  const { host: one = host(), sandbox: row = sandbox(), ...rest } = change;
  const maps = { hosts: new Map([["a", one]]), sandboxes: new Map([["a", row]]) };
  return { before: deploy(), next, writes: [], decisions: [], ...maps, ...rest };
}

const updated = deploy({ hosts: [step({ step: "updated" })] });
const attempt = { taskId: "t", fence: 1, leaseId: "l", slot: 0, generation: 1, bootId: "x", stepIndex: 0 };
const running = { ...attempt, renewedWallMs: 0, renewedMonoMs: 0, frozen: false, isOver: false };

describe("each law is red when it is broken, and only then", () => {
  it("legalMoves", () => {
    expect(deployLaws.legalMoves(saved(deploy({ state: "baking" })))).toBeNull();
    expect(deployLaws.legalMoves(saved(deploy({ state: "completed" })))).toContain("in_progress -> completed");
    const before = deploy({ hosts: [step({ step: "rolled_back" })] });
    const next = deploy({ hosts: [step({ step: "pending" })] });
    expect(deployLaws.legalMoves(saved(next, { before }))).toContain("a: rolled_back -> pending");
  });

  it("rollbackNeverRollsBack", () => {
    const before = deploy({ state: "rolling_back" });
    const law = deployLaws.rollbackNeverRollsBack;
    expect(law(saved(deploy({ state: "rolled_back" }), { before }))).toBeNull();
    expect(law(saved(deploy({ state: "in_progress" }), { before }))).not.toBeNull();
    const again = [{ summary: "a: failed -> rolling_back", data: { from: "failed", to: "rolling_back" } }];
    expect(law(saved(before, { before, decisions: again }))).toContain("its rollback had failed");
  });

  it("backWithinMaxUnavailable", () => {
    const law = deployLaws.backWithinMaxUnavailable;
    const back = (id: string) => step({ sandboxId: id, name: id, order: "stop-first", step: "rolling_back" });
    const knobs = { ...defaultKnobs("stop-first"), maxUnavailable: 1 };
    const next = deploy({ state: "rolling_back", knobs, hosts: [back("a"), back("b")] });
    const sent = [{ summary: "", data: { sandboxId: "a", from: "updated", to: "rolling_back" } }];
    expect(law(saved(next, { decisions: sent }))).toContain("2 hosts out of service");
    const failed = [{ summary: "", data: { sandboxId: "a", from: "failed", to: "rolling_back" } }];
    expect(law(saved(next, { decisions: failed }))).toBeNull();
    expect(law(saved({ ...next, hosts: [back("a")] }, { decisions: sent }))).toBeNull();
    expect(law(saved({ ...next, knobs: { ...knobs, maxUnavailable: 2 } }, { decisions: sent }))).toBeNull();
  });

  it("digestPinned", () => {
    expect(deployLaws.digestPinned(saved(deploy()))).toBeNull();
    expect(deployLaws.digestPinned(saved(deploy({ imageDigest: digest("c") })))).toContain("was pinned");
  });

  it("attestedOnly", () => {
    expect(deployLaws.attestedOnly(saved(updated))).toBeNull();
    const lying = host({ generations: [generation({ reports: digest("f") })] });
    expect(deployLaws.attestedOnly(saved(updated, { host: lying }))).toContain("reports");
    const silent = host({ generations: [generation({ reports: null })] });
    expect(deployLaws.attestedOnly(saved(updated, { host: silent }))).toContain("nothing");
  });

  it("updatedMeansNewWork", () => {
    const slot = (state: "accepting" | "occupied") => ({ index: 0, state, generation: 1, taskId: null, fence: null });
    const law = deployLaws.updatedMeansNewWork;
    expect(law(saved(updated, { sandbox: sandbox({ slots: [slot("occupied")] }) }))).toBeNull();
    expect(law(saved(updated, { sandbox: sandbox({ slots: [slot("accepting")] }) }))).toContain("slot 0 is accepting");
  });

  it("completedMeansDone", () => {
    const next = { ...updated, state: "completed" as const };
    const open = (on: number) => new Set([{ taskId: "t", generation: on }]) as unknown as MemoryTaskSandbox["open"];
    expect(deployLaws.completedMeansDone(saved(next, { sandbox: sandbox({ open: open(2) }) }))).toBeNull();
    expect(deployLaws.completedMeansDone(saved(next, { sandbox: sandbox({ open: open(1) }) }))).toContain(
      "while t runs",
    );
  });

  it("requestAnswered", () => {
    const request = { kind: "pause" as const, actor: "olga", reason: "", toDigest: null, toTag: null };
    const before = deploy({ request });
    const decisions = [{ summary: "paused", data: {} }];
    expect(deployLaws.requestAnswered(saved(deploy(), { before, decisions }))).toBeNull();
    expect(deployLaws.requestAnswered(saved(deploy(), { before }))).toContain("without a word");
  });

  it("cordonOfAnother", () => {
    const lift = (holderId: string) => [
      { kind: "uncordon" as const, sandboxId: "a", holderKind: "deploy" as const, holderId },
    ];
    expect(deployLaws.cordonOfAnother(saved(deploy(), { writes: lift("d1") }))).toBeNull();
    expect(deployLaws.cordonOfAnother(saved(deploy(), { writes: lift("d0") }))).toContain("d0");
  });

  it("cordonStands", () => {
    const next = deploy({ hosts: [step({ step: "replacing", order: "stop-first" })] });
    const cordon = { holderKind: "deploy" as const, holderId: "d1", reason: "", createdAt: 0 };
    expect(deployLaws.cordonStands(saved(next, { sandbox: sandbox({ cordons: [cordon] }) }))).toBeNull();
    expect(deployLaws.cordonStands(saved(next))).toContain("not cordoned");
  });

  it("slotsWithinCapacity", () => {
    const slot = (index: number) => ({ index, state: "accepting" as const, generation: 1, taskId: null, fence: null });
    expect(slotsWithinCapacity(host(), sandbox({ slots: [slot(0), slot(1)] }))).toBeNull();
    expect(slotsWithinCapacity(host(), sandbox({ slots: [slot(0), slot(1), slot(2)] }))).toContain("3 busy");
    const crowd = new Map([1, 2, 3].map((n) => [`t${n}`, { ...running, taskId: `t${n}` }]));
    expect(slotsWithinCapacity(host({ attempts: crowd }), sandbox())).toContain("runs 3 tasks");
  });

  it("oneWarmGeneration", () => {
    const warm = (number: number) => generation({ generation: number, state: "warm" });
    expect(oneWarmGeneration(host({ generations: [warm(1)] }))).toBeNull();
    expect(oneWarmGeneration(host({ generations: [warm(1), warm(2)] }))).toContain("2 generations warm");
  });

  it("noTaskKilled", () => {
    const busy = host({ attempts: new Map([["t.1", running]]) });
    expect(
      noTaskKilled(
        busy,
        1,
        () => true,
        () => true,
      ),
    ).toBeNull();
    expect(
      noTaskKilled(
        busy,
        1,
        () => false,
        () => false,
      ),
    ).toBeNull();
    expect(
      noTaskKilled(
        busy,
        1,
        () => true,
        () => false,
      ),
    ).toContain("t is interrupted");
  });

  it("epochOrder and savedBeforePerformed", () => {
    expect(epochOrder(host({ lastObeyed: 4 }), 5)).toBeNull();
    expect(epochOrder(host({ lastObeyed: 4 }), 4)).toContain("epoch 4 after 4");
    expect(savedBeforePerformed(host(), 3, sandbox())).toBeNull();
    expect(savedBeforePerformed(host(), 4, sandbox())).toContain("only 3 was saved");
  });

  it("badReleaseContained: the first wave is the smaller of canary step and maxParallel", () => {
    const canary = {
      ...defaultKnobs(),
      strategy: "canary" as const,
      maxParallel: 3,
      canarySteps: [{ hosts: 2, taskSharePct: 100, bakeMs: 0 }],
    };
    const hosts = [step(), step(), step(), step()];
    expect(firstWave(deploy({ knobs: canary, hosts }))).toBe(2);
    expect(firstWave(deploy({ knobs: { ...canary, strategy: "rolling" }, hosts }))).toBe(3);
    expect(firstWave(deploy({ knobs: { ...canary, failureAction: "continue" }, hosts }))).toBeNull();
  });
});
