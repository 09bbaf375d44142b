import type { PlanRisk } from "@valet/contracts";
import { assertNever, type RolloutKnobs } from "@valet/shared";
import type { PlannedHost } from "./plan-hosts.ts";
import type { OpenTask } from "./plan-input.ts";
import type { TaskEnds } from "./task-ends.ts";
import type { TasksByHost } from "./tasks-by-host.ts";

/** Below this chance a task is not worth a line. */
const leastChance = 0.05;
const mostListed = 100;

export interface RiskInput {
  hosts: readonly PlannedHost[];
  tasks: TasksByHost;
  ends: TaskEnds;
  knobs: RolloutKnobs;
  /** By the host's place in the plan. */
  drainsAt: Float64Array;
}

/** Tasks that may outlast the drain deadline of their host, most likely first, with what would be done to them. */
export function risksOf({ hosts, tasks, ends, knobs, drainsAt }: RiskInput): { listed: PlanRisk[]; total: number } {
  const { first, ageMs } = tasks;
  const worst = makeWorst();
  let total = 0;
  for (const host of hosts) {
    if (host.action === "skip") continue;
    const deadline = (drainsAt[host.place] ?? 0) + knobs.drainTimeoutMs;
    for (let place = first[host.place] ?? 0; place < (first[host.place + 1] ?? 0); place += 1) {
      const chance = ends.chanceBeyond(ageMs[place] ?? 0, deadline);
      if (chance < leastChance) continue;
      total += 1;
      if (worst.takes(chance)) worst.add({ task: tasks.task(place), host, deadline, chance, age: ageMs[place] ?? 0 });
    }
  }
  const listed = worst.list.map(({ task, host, deadline, chance, age }): PlanRisk => {
    const remaining = (share: number) => Math.round(ends.remaining(age, task.timeoutMs, share));
    return {
      taskId: task.taskId,
      sandboxName: host.step.name,
      endsIn: { p50Ms: remaining(0.5), p90Ms: remaining(0.9) },
      drainDeadlineInMs: Math.round(deadline),
      chancePastDeadline: Math.round(chance * 100) / 100,
      then: thenText(knobs, task),
    };
  });
  return { listed, total };
}

interface Risk {
  task: OpenTask;
  host: PlannedHost;
  deadline: number;
  chance: number;
  age: number;
}

/** The most likely ones, in order: of forty thousand tasks only those are kept that will be listed. */
function makeWorst() {
  const list: Risk[] = [];
  const isBefore = (a: Risk, b: Risk): boolean =>
    a.chance === b.chance ? a.task.taskId < b.task.taskId : a.chance > b.chance;
  return {
    list,
    takes: (chance: number): boolean => list.length < mostListed || chance >= (list.at(-1)?.chance ?? 0),
    add(risk: Risk): void {
      let place = list.length;
      for (let before = list[place - 1]; before && isBefore(risk, before); before = list[place - 1]) place -= 1;
      list.splice(place, 0, risk);
      if (list.length > mostListed) list.pop();
    },
  };
}

function thenText({ drainDeadlineAction }: RolloutKnobs, { requeueable }: OpenTask): string {
  switch (drainDeadlineAction) {
    case "wait":
      return "the deploy waits for it";
    case "pause":
      return "the deploy pauses and asks a person";
    case "requeue":
      return requeueable ? "it is interrupted and queued again" : "not safe to interrupt: the deploy waits for it";
    case "force":
      return requeueable ? "it is interrupted and queued again" : "it is interrupted and put to review";
    default:
      return assertNever(drainDeadlineAction);
  }
}
