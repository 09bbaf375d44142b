import type { Eta } from "@valet/contracts";
import type { HostOrder } from "@valet/shared";
import type { DeployDocument } from "../model.ts";
import type { Durations, OpenTask } from "./plan-input.ts";
import type { PlannedHost } from "./plan-hosts.ts";
import { makeLanes } from "./lanes.ts";
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

/** Host changes and tasks looked at in all draws together: a large fleet needs fewer draws, since its sums vary less. */
const budget = 500_000;
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
  const work = input.stages.reduce((sum, stage) => sum + stage.hosts.length, 0) + input.tasksOn.size;
  const draws = Math.max(25, Math.min(400, Math.floor(budget / Math.max(1, work * 4))));
  const random = seededRandom(input.seed);
  const newWork: number[] = [];
  const lastOld: number[] = [];
  let drainsAt = new Map<string, number>();
  for (let draw = 0; draw < draws; draw += 1) {
    const run = runOnce(input, random);
    newWork.push(run.newWork);
    lastOld.push(run.lastOld);
    if (draw === 0) drainsAt = run.drainsAt;
  }
  const measuredChanges = input.durations.changes.length;
  return { newWork: etaOf(newWork), lastOldTask: etaOf(lastOld), measuredChanges, drainsAt };
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
  drainsAt: Map<string, number>;
}

function runOnce(input: EstimateInput, random: () => number): Run {
  const { deploy, stages, lanes } = input;
  const change = {
    "start-first": resample(input, "start-first", random),
    "stop-first": resample(input, "stop-first", random),
  };
  const run: Run = { newWork: 0, lastOld: 0, drainsAt: new Map() };
  const isBlueGreen = deploy.knobs.strategy === "blue-green" && deploy.course.skipsSteps === null;
  let from = 0;
  let mayStart = 0;
  for (const { hosts, bakeMs } of stages) {
    // A share of a canary's slots stays with the old release until the last step has baked.
    if (deploy.knobs.strategy === "canary" && from > 0) run.newWork = Math.max(run.newWork, from);
    const free = { "start-first": makeLanes(lanes.startFirst, from), "stop-first": makeLanes(lanes.stopFirst, from) };
    let end = from;
    for (const host of hosts) {
      const { order } = host.step;
      const start = Math.max(free[order].soonest(), mayStart);
      const { changesAt, doneAt } = hostRun(input, run, host, { start, changes: change[order], isBlueGreen }, random);
      free[order].take(doneAt);
      end = Math.max(end, doneAt);
      // Its pull says what the tag means; the others are held until then.
      if (lanes.pinsFirst && mayStart === 0) mayStart = changesAt + passMs;
    }
    from = hosts.length > 0 ? end + bakeMs : from;
    run.newWork = Math.max(run.newWork, end);
  }
  if (isBlueGreen) {
    run.newWork += 2 * passMs;
    for (const { hosts } of stages) for (const host of hosts) noteOldTasks(input, run, host, run.newWork, random);
  }
  return run;
}

/** When one host has changed; stop-first once its tasks have ended, start-first whatever runs there. */
function hostRun(
  input: EstimateInput,
  run: Run,
  host: PlannedHost,
  how: { start: number; changes: readonly number[]; isBlueGreen: boolean },
  random: () => number,
): { changesAt: number; doneAt: number } {
  const { sandboxId, order } = host.step;
  const isStopFirst = order === "stop-first";
  const drainedAt = isStopFirst ? how.start + drainMs(input, sandboxId, how.start, random) : how.start;
  const changeMs = drawn(how.changes, random) + input.deploy.knobs.minHealthyMs;
  const doneAt = drainedAt + (host.action === "wake" ? 2 * passMs : changeMs);
  run.drainsAt.set(sandboxId, isStopFirst ? how.start : doneAt);
  if (isStopFirst) run.lastOld = Math.max(run.lastOld, drainedAt);
  else if (!how.isBlueGreen) noteOldTasks(input, run, host, doneAt, random);
  return { changesAt: drainedAt, doneAt };
}

/** The tasks that run on the old release when its host has changed, and end some time after. */
function noteOldTasks(
  { ends, tasksOn, busyShare, now }: EstimateInput,
  run: Run,
  host: PlannedHost,
  at: number,
  random: () => number,
): void {
  for (const task of tasksOn.get(host.step.sandboxId) ?? []) {
    const left = ends.remaining(now - task.startedAt, task.timeoutMs, random());
    // It may have ended by then, and the slot have taken another.
    run.lastOld = Math.max(run.lastOld, left >= at ? left : at + ends.residual(random));
  }
  // What is free now may be as busy as the rest by then.
  const slots = host.observation?.facts.slots.length ?? 0;
  for (let free = slots - (tasksOn.get(host.step.sandboxId)?.length ?? 0); free > 0; free -= 1) {
    if (random() < busyShare) run.lastOld = Math.max(run.lastOld, at + ends.residual(random));
  }
}

function drainMs(
  { ends, tasksOn, now }: EstimateInput,
  sandboxId: string,
  start: number,
  random: () => number,
): number {
  let longest = 0;
  for (const task of tasksOn.get(sandboxId) ?? []) {
    const left = ends.remaining(now - task.startedAt, task.timeoutMs, random());
    longest = Math.max(longest, left >= start ? left - start : ends.residual(random));
  }
  // Cordon, drain and the sight that it is drained are three steps.
  return 2 * passMs + Math.ceil(longest / passMs) * passMs;
}

function resample({ durations }: EstimateInput, order: HostOrder, random: () => number): readonly number[] {
  const own = durations.changes.filter((one) => one.order === order).map((one) => one.ms);
  const samples = [...(own.length > 0 ? own : assumedMs[order])].sort((a, b) => a - b);
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
