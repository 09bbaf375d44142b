import { defaultKnobs } from "@valet/shared";
import { describe, expect, it } from "vitest";
import { freshHostEngine, type DeployDocument, type HostStep } from "../../model.ts";
import { freshDeploy } from "../../testing/world.ts";
import { makeSimHost, type SimGeneration, type SimHost } from "../sim-host.ts";
import { epochMs, type World } from "../world.ts";
import {
  approvedByOthers,
  freezeKept,
  memoryHolds,
  oneChangeAtATime,
  shapeStands,
  sharedUnavailable,
  takenIdle,
} from "./condition-laws.ts";
import type { Saved } from "./deploy-laws.ts";

function step(name: string, at: HostStep["step"]): HostStep {
  return {
    ...{
      sandboxId: name,
      name,
      step: at,
      order: "stop-first" as const,
      reason: "",
      oldGeneration: 1,
      newGeneration: 2,
    },
    ...{ reportedDigest: null, startedAt: 0, endedAt: null, engine: freshHostEngine() },
  };
}

const deploy = (id: string, more: Partial<DeployDocument> = {}): DeployDocument =>
  freshDeploy(
    id,
    "v2",
    "staging",
    { ...defaultKnobs("stop-first"), maxUnavailable: 1 },
    {
      ...{ state: "in_progress", startedAt: 1, createdBy: "olga" },
      ...more,
    },
  );

const saved = (before: DeployDocument, next: DeployDocument): Saved =>
  ({ before, next, writes: [], decisions: [], hosts: new Map(), sandboxes: new Map() }) as Saved;

interface Made {
  script?: object;
  deploys?: DeployDocument[];
  cordons?: Record<string, { holderKind: string; holderId: string }[]>;
  shapes?: ("old" | "new")[];
}

function world({ script = {}, deploys = [], cordons = {}, shapes = ["old"] }: Made): World {
  const sandboxes = new Map(
    Object.entries(cordons).map(([name, held]) => [name, { id: name, name, cordons: held }] as const),
  );
  const store = { deploys: new Map(deploys.map((one) => [one.id, one])) };
  return { script, store, tasks: { sandboxes }, shapes: new Set(shapes) } as unknown as World;
}

const living = (tag: string, state = "serving") => ({ generation: 1, tag, state }) as SimGeneration;
const host = (change: Partial<SimHost>): SimHost => Object.assign(makeSimHost("a", 1), change);

describe("each law of what stands round a deploy is red when it is broken, and only then", () => {
  it("freezeKept", () => {
    const frozen = (pauses: boolean) =>
      world({ script: { freezes: [{ name: "feast", fromMs: 0, toMs: 1000, isWeekly: false, pauses }] } });
    const [queued, begun] = [deploy("d", { state: "queued", startedAt: null }), deploy("d")];
    expect(freezeKept(frozen(false), saved(queued, begun), epochMs + 1000)).toBeNull();
    expect(freezeKept(frozen(false), saved(queued, begun), epochMs + 999)).toContain("begins within feast");
    expect(freezeKept(frozen(false), saved(queued, { ...begun, ignoreFreeze: true }), epochMs)).toBeNull();
    const [waiting, taken] = [
      deploy("d", { hosts: [step("a", "pending")] }),
      deploy("d", { hosts: [step("a", "cordoned")] }),
    ];
    expect(freezeKept(frozen(false), saved(waiting, taken), epochMs)).toBeNull();
    expect(freezeKept(frozen(true), saved(waiting, taken), epochMs)).toContain("begins a within feast");
    const switched = deploy("d", { course: { ...begun.course, switched: true } });
    expect(freezeKept(frozen(true), saved(begun, switched), epochMs)).toContain("switches");
    const held = deploy("d", { state: "rolling_back", waitingOn: ['freeze "feast"'] });
    expect(freezeKept(world({}), saved(begun, held), epochMs)).toContain("waits for a freeze");
  });

  it("approvedByOthers", () => {
    const [asked, queued] = [deploy("d", { state: "awaiting_approval" }), deploy("d", { state: "queued" })];
    expect(approvedByOthers(world({}), saved(asked, queued), 0)).toContain("0 of 1");
    expect(approvedByOthers(world({}), saved(asked, queued), 1)).toBeNull();
    expect(approvedByOthers(world({ script: { approvals: 2 } }), saved(asked, queued), 1)).toContain("1 of 2");
    const triggered = deploy("d", { state: "awaiting_trigger" });
    expect(approvedByOthers(world({}), saved(triggered, queued), 0)).toBeNull();
  });

  it("oneChangeAtATime", () => {
    const other = (at: HostStep["step"]) => deploy("w", { service: "valet-worker", hosts: [step("a", at)] });
    const begins = saved(
      deploy("d", { hosts: [step("a", "pending")] }),
      deploy("d", { hosts: [step("a", "starting")] }),
    );
    expect(oneChangeAtATime(world({ deploys: [other("updated")] }), begins)).toBeNull();
    expect(oneChangeAtATime(world({ deploys: [other("draining")] }), begins)).toContain("where deploy w is draining");
    expect(oneChangeAtATime(world({ deploys: [{ ...other("draining"), endedAt: 5 }] }), begins)).toBeNull();
  });

  it("sharedUnavailable and takenIdle", () => {
    const takes = saved(
      deploy("d", { hosts: [step("a", "pending")] }),
      deploy("d", { hosts: [step("a", "cordoned")] }),
    );
    const by = (holderId: string, holderKind = "deploy") => ({ holderKind, holderId });
    const both = world({ cordons: { a: [by("d")], b: [by("w")] } });
    expect(sharedUnavailable(both, takes, new Set())).toContain("hold a, b out of service");
    expect(sharedUnavailable(world({ cordons: { a: [by("d")], b: [] } }), takes, new Set())).toBeNull();
    const drifted = world({ cordons: { a: [by("d"), by("drift", "health")], b: [by("w")] } });
    expect(takenIdle(drifted, takes)).toEqual(["a"]);
    expect(sharedUnavailable(drifted, takes, new Set(["d a"]))).toBeNull();
  });

  it("memoryHolds", () => {
    const procedure = { kind: "deploy" } as SimHost["procedure"];
    const two = [living("v1"), living("v2", "starting")];
    expect(memoryHolds(host({ rooms: 1, procedure, generations: two }))).toBeNull();
    expect(memoryHolds(host({ rooms: 0, procedure, generations: two }))).toContain("runs 2 generations");
    expect(memoryHolds(host({ procedure, generations: two }))).toBeNull();
    expect(memoryHolds(host({ rooms: 0, procedure, generations: [living("v1", "ended"), living("v2")] }))).toBeNull();
  });

  it("shapeStands", () => {
    const releases = [
      { tag: "v1", needs: "old" },
      { tag: "v2", needs: "both" },
      { tag: "v3", needs: "new" },
    ];
    const on = (shapes: ("old" | "new")[], one: SimGeneration) =>
      shapeStands(world({ script: { releases }, shapes }), host({ generations: [one] }));
    expect(on(["old", "new"], living("v2"))).toBeNull();
    expect(on(["new"], living("v1", "warm"))).toContain("(warm) needs the old shape");
    expect(on(["new"], living("v1", "ended"))).toBeNull();
    expect(on(["old"], living("v3", "starting"))).toContain("needs the new shape");
    expect(on(["new"], living("v2", "draining"))).toContain("needs the old shape");
  });
});
