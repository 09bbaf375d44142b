import {
  defaultKnobs,
  deployActionNames,
  drainDeadlineActions,
  failureActions,
  type RolloutKnobs,
} from "@valet/shared";
import { simTimes } from "./deploy-rows.ts";
import { withConditions } from "./draw-conditions.ts";
import { makeRandom, type Random } from "./random.ts";
import {
  faultKinds,
  firstTag,
  releaseBehaviours,
  type Deed,
  type Fault,
  type FaultKind,
  type Happening,
  type Script,
} from "./script.ts";

export interface DrawOptions {
  /** Exactly so many hosts; else 1 to 20. */
  hosts?: number;
}

const activeMs = 110_000;

/** The script of a seed: a fleet, releases, what people do and what goes wrong. */
export function drawScript(seed: number, { hosts }: DrawOptions = {}): Script {
  const random = makeRandom(seed, "script");
  const count = hosts ?? random.pick([1, 2, 3, 3, 4, 5, 6, 8, 12, 20]);
  const slots = random.int(1, 3);
  const fleet = Array.from({ length: count }, (_, index) => ({
    name: `host-${String(index + 1).padStart(2, "0")}`,
    slots,
  }));
  const names = fleet.map((one) => one.name);
  const releases = drawReleases(random.fork("releases"));
  const tags = releases.slice(1).map((one) => one.tag);
  const deploys = drawDeploys(random.fork("deploys"), count, tags);
  const happenings = [
    ...deploys,
    ...drawDeeds(random.fork("deeds"), names),
    ...drawTasks(random.fork("tasks"), count * slots),
    ...drawFaults(
      random.fork("faults"),
      names,
      deploys.map((one) => one.atMs),
    ),
  ];
  const script: Script = {
    version: 1,
    seed,
    environment: random.chance(0.7) ? "staging" : "production",
    hosts: fleet,
    releases,
    controllerTickMs: random.pick([1_000, 1_500, 2_000]),
    leaseMs: random.pick([60_000, 90_000]),
    slowObservations: random.chance(0.25) ? 0.3 : 0,
    calmAtMs: activeMs + 20_000,
    happenings: happenings.sort((a, b) => a.atMs - b.atMs),
  };
  return withConditions(random.fork("conditions"), script, activeMs);
}

function drawReleases(random: Random): Script["releases"] {
  const bad = releaseBehaviours.filter((one) => one !== "good");
  return [firstTag, "v2", "v3", "v4"].map((tag, index) => ({
    tag,
    behaviour: index === 0 || random.chance(0.6) ? ("good" as const) : random.pick(bad),
    fetchMs: random.int(200, 3_000),
    bootMs: random.int(200, 3_000),
  }));
}

function drawDeploys(random: Random, hosts: number, tags: readonly string[]): Deed[] {
  const count = random.pick([1, 1, 2, 2, 3]);
  return Array.from({ length: count }, (_, index) => ({
    kind: "new-deploy" as const,
    atMs: index === 0 ? random.int(1_000, 8_000) : random.int(5_000, activeMs - 20_000),
    tag: tags[index] ?? random.pick(tags),
    knobs: drawKnobs(random, hosts),
    awaits: random.pick(["nothing", "nothing", "nothing", "nothing", "trigger", "approval"] as const),
  }));
}

function drawKnobs(random: Random, hosts: number): RolloutKnobs {
  const strategy = random.pick(["rolling", "rolling", "canary", "canary", "blue-green"] as const);
  const order = strategy === "blue-green" || random.chance(0.6) ? "start-first" : "stop-first";
  return {
    ...defaultKnobs(order),
    ...simTimes,
    strategy,
    maxParallel: random.pick([1, 1, 2, 3, "25%", "50%", "100%"] as const),
    maxUnavailable:
      order === "stop-first" ? random.pick([1, 1, 2, hosts > 1 ? "50%" : 1] as const) : random.pick([0, 1] as const),
    canarySteps: drawSteps(random, hosts, order),
    autoPromote: random.chance(0.7),
    analyse: random.chance(0.4),
    autoRevert: random.chance(0.7),
    minHealthyMs: random.int(0, 2_000),
    progressDeadlineMs: random.pick([30_000, 60_000]),
    drainTimeoutMs: random.pick([3_000, 10_000, 20_000]),
    failureAction: random.pick([...failureActions, "rollback", "rollback"]),
    drainDeadlineAction: random.pick([...drainDeadlineActions, "wait"]),
    rollbackWindowMs: random.pick([10_000, 60_000]),
  };
}

/** Steps that grow, as a deploy's own check wants them. */
function drawSteps(random: Random, hosts: number, order: RolloutKnobs["order"]): RolloutKnobs["canarySteps"] {
  const first = random.int(1, Math.max(1, Math.ceil(hosts / 3)));
  const isShared = order === "start-first" && random.chance(0.5);
  const steps = [
    { hosts: first, taskSharePct: isShared ? random.pick([34, 50]) : 100, bakeMs: random.int(1_000, 12_000) },
  ];
  if (isShared && random.chance(0.5)) steps.push({ hosts: first, taskSharePct: 100, bakeMs: random.int(500, 5_000) });
  if (first < hosts && random.chance(0.5)) {
    steps.push({ hosts: random.int(first + 1, hosts), taskSharePct: 100, bakeMs: random.int(500, 5_000) });
  }
  return steps;
}

function drawDeeds(random: Random, hosts: readonly string[]): Deed[] {
  const kinds = [...deployActionNames, "resume", "trigger", "approve"] as const;
  const deeds: Deed[] = Array.from({ length: random.int(0, 7) }, () => ({
    kind: random.pick(kinds),
    atMs: random.int(2_000, activeMs),
  }));
  if (random.chance(0.3)) {
    const host = random.pick(hosts);
    const atMs = random.int(1_000, activeMs - 30_000);
    deeds.push({ kind: "cordon", host, atMs }, { kind: "uncordon", host, atMs: atMs + random.int(2_000, 30_000) });
  }
  return deeds;
}

function drawTasks(random: Random, places: number): Deed[] {
  const most = Math.min(36, Math.max(3, places * 2));
  const deeds: Deed[] = [];
  let drawn = 0;
  while (drawn < most) {
    const size = Math.min(most - drawn, random.int(1, 6));
    const tasks = Array.from({ length: size }, (_, index) => ({
      id: `task-${drawn + index + 1}`,
      restart: random.chance(0.5) ? ("safe" as const) : ("review" as const),
      steps: Array.from({ length: random.int(1, 4) }, () => ({
        forMs: random.int(300, random.chance(0.2) ? 25_000 : 8_000),
        write: random.chance(0.4),
      })),
    }));
    drawn += size;
    deeds.push({ kind: "submit-tasks", atMs: random.int(0, activeMs - 20_000), tasks });
  }
  for (let n = random.int(0, 2); n > 0; n -= 1) {
    deeds.push({ kind: "cancel-task", atMs: random.int(5_000, activeMs), task: `task-${random.int(1, drawn)}` });
  }
  return deeds;
}

const ofControl: readonly FaultKind[] = [
  ...(["crash-controller", "crash-before-save", "crash-after-save", "crash-between-effects"] as const),
  ...(["second-controller", "slow-store", "jump-controller-clock", "move-tag"] as const),
];

/** What strikes any fleet; the others are drawn where hosts have what they strike. */
const anywhere = faultKinds.filter((kind) => kind !== "fill-memory" && kind !== "lose-connection");

function drawFaults(random: Random, hosts: readonly string[], deploysAtMs: readonly number[]): Happening[] {
  // Some seeds are quiet, so that what breaks there needs no fault at all.
  const count = random.pick([0, 2, 4, 6, 8, 10, 14]);
  return Array.from({ length: count }, () => {
    // Half of them while a deploy has just begun, which is when there is most to break.
    const near = random.pick(deploysAtMs) + random.int(1_000, 30_000);
    const atMs = random.chance(0.5) ? near : random.int(1_000, activeMs);
    return drawFault(random, random.pick(anywhere), atMs, hosts);
  });
}

function drawFault(random: Random, kind: FaultKind, atMs: number, hosts: readonly string[]): Fault {
  const forMs = lasting(random, kind);
  return ofControl.includes(kind) ? { kind, atMs, forMs } : { kind, atMs, forMs, host: random.pick(hosts) };
}

function lasting(random: Random, kind: FaultKind): number {
  switch (kind) {
    case "move-tag":
      return 0;
    case "jump-host-clock":
    case "jump-controller-clock":
      return random.int(-20_000, 20_000);
    case "crash-controller":
    case "crash-before-save":
    case "crash-after-save":
    case "crash-between-effects":
      return random.int(100, 8_000);
    case "kill-agent":
    case "kill-gh-worker":
      return random.int(200, 6_000);
    case "cut-both":
    case "cut-worker-from-api":
    case "lose-host":
      // Sometimes for longer than a lease lasts.
      return random.chance(0.35) ? random.int(65_000, 115_000) : random.int(1_000, 20_000);
    case "pull-fails":
      return random.int(5_000, 60_000);
    default:
      return random.int(1_000, random.chance(0.2) ? 100_000 : 20_000);
  }
}
