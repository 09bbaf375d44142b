import type { Eta } from "@valet/contracts";
import type { HostOrder } from "@valet/shared";
import type { DeployDocument } from "../model.ts";
import { believe, measuredChanges, type ChangeTimes } from "./change-times.ts";
import { makeLanes, type FreeLanes } from "./lanes.ts";
import { makeOldTasks, type OldTasks } from "./old-tasks.ts";
import type { PlannedHost } from "./plan-hosts.ts";
import type { Durations } from "./plan-input.ts";
import { seededRandom } from "./seeded-random.ts";
import type { TaskEnds } from "./task-ends.ts";
import type { TasksByHost } from "./tasks-by-host.ts";
import type { Lanes, Stage } from "./waves.ts";

export interface EstimateInput {
  deploy: DeployDocument;
  stages: readonly Stage[];
  lanes: Lanes;
  durations: Durations;
  hosts: readonly PlannedHost[];
  ends: TaskEnds;
  tasks: TasksByHost;
  /** Of all slots, those that run a task now. */
  busyShare: number;
  seed: number;
}
export interface Estimate {
  newWork: Eta;
  lastOldTask: Eta;
  measuredChanges: number;
  /** When each host is likely to begin to drain, ms from now, by its place in the plan; of one run. */
  drainsAt: Float64Array;
}

/** Host changes looked at in all draws together: a large fleet needs fewer draws, since its sums vary less. */
const budget = 100_000;
/** Between two passes of the engine; every step of a host that it must see waits for one. */
const passMs = 1_000;

/** Runs the plan many times over with durations drawn from those measured. The seed comes from the plan's input, so the same plan says the same. */
export function estimate(input: EstimateInput): Estimate {
  const { hosts, tasks, durations, deploy } = input;
  const drawing: Drawing = {
    tasks: makeOldTasks(hosts, tasks, input),
    stages: input.stages.map((stage) => flatStage(stage, input.lanes)),
    isBlueGreen: deploy.knobs.strategy === "blue-green" && deploy.course.skipsSteps === null,
    drainsAt: new Float64Array(hosts.length),
    random: seededRandom(input.seed),
  };
  const measured = {
    "start-first": measuredChanges(durations, "start-first"),
    "stop-first": measuredChanges(durations, "stop-first"),
  };
  const draws = Math.max(25, Math.min(400, Math.floor(budget / Math.max(1, hosts.length))));
  const newWork = new Float64Array(draws);
  const lastOld = new Float64Array(draws);
  for (let draw = 0; draw < draws; draw += 1) {
    const change = {
      "start-first": believe(measured["start-first"], drawing.random),
      "stop-first": believe(measured["stop-first"], drawing.random),
    };
    const run = runOnce(input, drawing, change);
    newWork[draw] = run.newWork;
    lastOld[draw] = run.lastOld;
  }
  const measuredCount = durations.changes.length;
  return {
    ...{ newWork: etaOf(newWork), lastOldTask: etaOf(lastOld) },
    ...{ measuredChanges: measuredCount, drainsAt: drawing.drainsAt },
  };
}

function etaOf(samples: Float64Array): Eta {
  samples.sort();
  const at = (share: number) =>
    Math.round(samples[Math.min(samples.length - 1, Math.floor(share * samples.length))] ?? 0);
  return { p50Ms: at(0.5), p90Ms: at(0.9) };
}

/** A stage's hosts as numbers, for it is run dozens of times. */
interface FlatStage {
  bakeMs: number;
  /** Places in the plan. */
  places: Int32Array;
  ways: Uint8Array;
  /** Hosts in its middle that need not be looked at one by one; see `skipMiddle`. */
  middle: { from: number; count: number } | null;
}
const way = { startFirst: 0, stopFirst: 1, wake: 2 } as const;

/** Rounds of all lanes at a stage's start and at its end in which each host is looked at. */
const wholeRounds = 6;
const leastMiddle = 1000;

function flatStage({ hosts, bakeMs }: Stage, lanes: Lanes): FlatStage {
  const places = Int32Array.from(hosts, (host) => host.place);
  const ways = Uint8Array.from(hosts, ({ step, action }) =>
    action === "wake" ? way.wake : step.order === "stop-first" ? way.stopFirst : way.startFirst,
  );
  const edge = wholeRounds * lanes.startFirst;
  const count = hosts.length - 2 * edge;
  const isUniform = ways.every((one) => one === way.startFirst);
  return { bakeMs, places, ways, middle: isUniform && count >= leastMiddle ? { from: edge, count } : null };
}

interface Drawing {
  tasks: OldTasks;
  stages: readonly FlatStage[];
  isBlueGreen: boolean;
  /** By the host's place in the plan, of the latest run. */
  drainsAt: Float64Array;
  random: () => number;
}
interface Run {
  newWork: number;
  lastOld: number;
  /** The tag is not resolved before. */
  mayStart: number;
}

function runOnce(input: EstimateInput, drawing: Drawing, change: Record<HostOrder, ChangeTimes>): Run {
  const { strategy } = input.deploy.knobs;
  const run: Run = { newWork: 0, lastOld: 0, mayStart: 0 };
  let from = 0;
  for (const stage of drawing.stages) {
    // A share of a canary's slots stays with the old release until the last step has baked.
    if (strategy === "canary" && from > 0) run.newWork = Math.max(run.newWork, from);
    const end = runStage(input, { drawing, change, run, stage, from });
    from = stage.places.length > 0 ? end + stage.bakeMs : from;
    run.newWork = Math.max(run.newWork, end);
  }
  if (drawing.isBlueGreen) run.newWork += 2 * passMs;
  endOldTasks(drawing, run);
  return run;
}

interface StageRun {
  drawing: Drawing;
  change: Record<HostOrder, ChangeTimes>;
  run: Run;
  stage: FlatStage;
  from: number;
}

/** When the stage's last host is done. */
function runStage({ lanes, deploy }: EstimateInput, { drawing, change, run, stage, from }: StageRun): number {
  const { places, ways, middle } = stage;
  const { random, tasks, drainsAt } = drawing;
  const { minHealthyMs } = deploy.knobs;
  const startFirst = makeLanes(lanes.startFirst, from);
  const stopFirst = makeLanes(lanes.stopFirst, from);
  let end = from;
  for (let index = 0; index < places.length; index += 1) {
    if (middle?.from === index) {
      skipMiddle(stage, startFirst, { lanes: lanes.startFirst, change: change["start-first"], minHealthyMs, drawing });
      index += middle.count;
    }
    const place = places[index] ?? 0;
    const isStopFirst = ways[index] === way.stopFirst;
    const free = isStopFirst ? stopFirst : startFirst;
    const start = Math.max(free.soonest(), run.mayStart);
    // Cordon, drain and the sight that it is drained are three steps.
    const drainMs = isStopFirst ? 2 * passMs + Math.ceil(tasks.drainMs(place, start, random) / passMs) * passMs : 0;
    const times = isStopFirst ? change["stop-first"] : change["start-first"];
    const changeMs = ways[index] === way.wake ? 2 * passMs : times.draw(random) + minHealthyMs;
    const doneAt = start + drainMs + changeMs;
    free.take(doneAt);
    if (doneAt > end) end = doneAt;
    drainsAt[place] = isStopFirst ? start : doneAt;
    if (isStopFirst) run.lastOld = Math.max(run.lastOld, start + drainMs);
    // Its pull says what the tag means; the others are held until then.
    if (lanes.pinsFirst && run.mayStart === 0) run.mayStart = start + drainMs + passMs;
  }
  return end;
}

interface Skipped {
  lanes: number;
  change: ChangeTimes;
  minHealthyMs: number;
  drawing: Drawing;
}

/**
 * Hosts that all change alike keep all lanes busy, so that a thousand of them put off each lane by their sum's share, whatever the
 * order in which they end; only at a stage's two ends do single hosts show.
 */
function skipMiddle({ places, middle }: FlatStage, free: FreeLanes, skipped: Skipped): void {
  if (middle === null) return;
  const { lanes, change, minHealthyMs, drawing } = skipped;
  const ms = (change.drawSum(middle.count, drawing.random) + middle.count * minHealthyMs) / Math.max(1, lanes);
  const first = free.soonest() + change.mean + minHealthyMs;
  for (let nth = 0; nth < middle.count; nth += 1) {
    drawing.drainsAt[places[middle.from + nth] ?? 0] = first + (nth / middle.count) * ms;
  }
  free.shift(ms);
}

/** From the last host on: what an earlier one could not reach any more is not drawn at all, which changes nothing. */
function endOldTasks({ stages, tasks, drainsAt, isBlueGreen, random }: Drawing, run: Run): void {
  for (let nth = stages.length - 1; nth >= 0; nth -= 1) {
    const stage = stages[nth];
    if (!stage) continue;
    const { places, ways } = stage;
    for (let index = places.length - 1; index >= 0; index -= 1) {
      const place = places[index] ?? 0;
      if (!isBlueGreen && ways[index] === way.stopFirst) continue;
      const at = isBlueGreen ? run.newWork : (drainsAt[place] ?? 0);
      if (tasks.latestEnd(at) > run.lastOld) run.lastOld = Math.max(run.lastOld, tasks.lastEnd(place, at, random));
    }
  }
}
