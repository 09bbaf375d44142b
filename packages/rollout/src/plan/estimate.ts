import type { Eta } from "@valet/contracts";
import type { HostOrder } from "@valet/shared";
import type { DeployDocument } from "../model.ts";
import type { Durations, OpenTask } from "./plan-input.ts";
import { makeLanes } from "./lanes.ts";
import { makeOldTasks, type OldTasks } from "./old-tasks.ts";
import { seededRandom } from "./seeded-random.ts";
import type { TaskEnds } from "./task-ends.ts";
import type { Lanes, Stage } from "./waves.ts";

export interface EstimateInput {
  deploy: DeployDocument;
  stages: readonly Stage[];
  lanes: Lanes;
  durations: Durations;
  ends: TaskEnds;
  tasksOn: ReadonlyMap<string, readonly OpenTask[]>;
  /** Of all slots, those that run a task now. */
  busyShare: number;
  now: number;
  seed: number;
}
export interface Estimate {
  newWork: Eta;
  lastOldTask: Eta;
  measuredChanges: number;
  /** When each host is likely to begin to drain, ms from now; the median run. */
  drainsAt: Map<string, number>;
}

/** Host changes looked at in all draws together: a large fleet needs fewer draws, since its sums vary less. */
const budget = 100_000;
/** Between two passes of the engine; every step of a host that it must see waits for one. */
const passMs = 1_000;
/** Boot, probe and hand-over where nothing was measured yet; said to be assumed. */
const assumedMs: Record<HostOrder, readonly number[]> = {
  "start-first": [6_000, 9_000, 12_000, 18_000, 30_000, 45_000],
  "stop-first": [8_000, 12_000, 16_000, 24_000, 40_000, 60_000],
};

/**
 * Runs the plan many times over with durations drawn from those measured. Each run first draws which of the measured ones it
 * believes in (a bootstrap): few measurements give wide answers. The seed comes from the plan's input, so the same plan says the same.
 */
export function estimate(input: EstimateInput): Estimate {
  const hosts = input.stages.flatMap((stage) => stage.hosts);
  const tasks = makeOldTasks(hosts, input.tasksOn, input);
  const draws = Math.max(25, Math.min(400, Math.floor(budget / Math.max(1, hosts.length))));
  const random = seededRandom(input.seed);
  const measured = {
    "start-first": sortedChanges(input, "start-first"),
    "stop-first": sortedChanges(input, "stop-first"),
  };
  const drainsAt = new Float64Array(hosts.length);
  const newWork: number[] = [];
  const lastOld: number[] = [];
  for (let draw = 0; draw < draws; draw += 1) {
    const run: Run = { newWork: 0, lastOld: 0, drainsAt };
    runOnce(input, { tasks, measured, run }, random);
    newWork.push(run.newWork);
    lastOld.push(run.lastOld);
  }
  return {
    newWork: etaOf(newWork),
    lastOldTask: etaOf(lastOld),
    measuredChanges: input.durations.changes.length,
    drainsAt: new Map(hosts.map((host, place) => [host.step.sandboxId, drainsAt[place] ?? 0])),
  };
}

function etaOf(samples: number[]): Eta {
  samples.sort((a, b) => a - b);
  const at = (share: number) =>
    Math.round(samples[Math.min(samples.length - 1, Math.floor(share * samples.length))] ?? 0);
  return { p50Ms: at(0.5), p90Ms: at(0.9) };
}

interface Run {
  newWork: number;
  lastOld: number;
  /** By the host's place in the plan, of the latest run. */
  drainsAt: Float64Array;
}
interface Drawing {
  tasks: OldTasks;
  measured: Record<HostOrder, readonly number[]>;
  run: Run;
}

function runOnce(input: EstimateInput, { tasks, measured, run }: Drawing, random: () => number): void {
  const { deploy, stages, lanes } = input;
  const { minHealthyMs, strategy } = deploy.knobs;
  const change = {
    "start-first": resample(measured["start-first"], random),
    "stop-first": resample(measured["stop-first"], random),
  };
  const isBlueGreen = strategy === "blue-green" && deploy.course.skipsSteps === null;
  let from = 0;
  let mayStart = 0;
  let place = 0;
  for (const { hosts, bakeMs } of stages) {
    // A share of a canary's slots stays with the old release until the last step has baked.
    if (strategy === "canary" && from > 0) run.newWork = Math.max(run.newWork, from);
    const free = { "start-first": makeLanes(lanes.startFirst, from), "stop-first": makeLanes(lanes.stopFirst, from) };
    let end = from;
    for (const { step, action } of hosts) {
      const isStopFirst = step.order === "stop-first";
      const start = Math.max(free[step.order].soonest(), mayStart);
      // Cordon, drain and the sight that it is drained are three steps.
      const drainMs = isStopFirst ? 2 * passMs + Math.ceil(tasks.drainMs(place, start, random) / passMs) * passMs : 0;
      const changeMs = action === "wake" ? 2 * passMs : drawn(change[step.order], random) + minHealthyMs;
      const doneAt = start + drainMs + changeMs;
      free[step.order].take(doneAt);
      end = Math.max(end, doneAt);
      run.drainsAt[place] = isStopFirst ? start : doneAt;
      if (isStopFirst) run.lastOld = Math.max(run.lastOld, start + drainMs);
      else if (!isBlueGreen) run.lastOld = Math.max(run.lastOld, tasks.lastEnd(place, doneAt, random));
      // Its pull says what the tag means; the others are held until then.
      if (lanes.pinsFirst && mayStart === 0) mayStart = start + drainMs + passMs;
      place += 1;
    }
    from = hosts.length > 0 ? end + bakeMs : from;
    run.newWork = Math.max(run.newWork, end);
  }
  if (!isBlueGreen) return;
  run.newWork += 2 * passMs;
  for (let host = 0; host < place; host += 1) {
    run.lastOld = Math.max(run.lastOld, tasks.lastEnd(host, run.newWork, random));
  }
}

function sortedChanges({ durations }: EstimateInput, order: HostOrder): readonly number[] {
  const own = durations.changes.filter((one) => one.order === order).map((one) => one.ms);
  return (own.length > 0 ? own : [...assumedMs[order]]).sort((a, b) => a - b);
}

function resample(samples: readonly number[], random: () => number): readonly number[] {
  const believed = Array.from({ length: Math.min(samples.length, 200) }, () => drawn(samples, random));
  return withTail(samples, believed, random);
}

/**
 * One more, longer than all that were measured: of n + 1 changes, each is equally likely to be the longest. Without it, a few
 * quick changes would promise that none is ever slow.
 */
function withTail(sorted: readonly number[], believed: number[], random: () => number): number[] {
  const longest = sorted.at(-1) ?? 0;
  const spread = longest - (sorted[Math.floor(sorted.length / 2)] ?? 0);
  return [...believed, longest + spread * -Math.log(1 - random()) * 0.2];
}

function drawn(samples: readonly number[], random: () => number): number {
  return samples[Math.floor(random() * samples.length)] ?? 0;
}
