import type { PlanRisk } from "@valet/contracts";
import { assertNever, type RolloutKnobs } from "@valet/shared";
import type { PlannedHost } from "./plan-hosts.ts";
import type { OpenTask } from "./plan-input.ts";
import type { TaskEnds } from "./task-ends.ts";

/** Below this chance a task is not worth a line. */
const leastChance = 0.05;
const mostListed = 100;

export interface RiskInput {
  hosts: readonly PlannedHost[];
  tasksOn: ReadonlyMap<string, readonly OpenTask[]>;
  ends: TaskEnds;
  knobs: RolloutKnobs;
  drainsAt: ReadonlyMap<string, number>;
  now: number;
}

/** Tasks that may outlast the drain deadline of their host, most likely first, with what would be done to them. */
export function risksOf({ hosts, tasksOn, ends, knobs, drainsAt, now }: RiskInput): {
  listed: PlanRisk[];
  total: number;
} {
  const found: { task: OpenTask; host: PlannedHost; deadline: number; chance: number }[] = [];
  for (const host of hosts) {
    if (host.action === "skip") continue;
    const deadline = (drainsAt.get(host.step.sandboxId) ?? 0) + knobs.drainTimeoutMs;
    for (const task of tasksOn.get(host.step.sandboxId) ?? []) {
      const chance = ends.chanceBeyond(now - task.startedAt, deadline);
      if (chance >= leastChance) found.push({ task, host, deadline, chance });
    }
  }
  found.sort((a, b) => b.chance - a.chance || (a.task.taskId < b.task.taskId ? -1 : 1));
  const listed = found.slice(0, mostListed).map(({ task, host, deadline, chance }): PlanRisk => {
    const remaining = (share: number) => Math.round(ends.remaining(now - task.startedAt, task.timeoutMs, share));
    return {
      taskId: task.taskId,
      sandboxName: host.step.name,
      endsIn: { p50Ms: remaining(0.5), p90Ms: remaining(0.9) },
      drainDeadlineInMs: Math.round(deadline),
      chancePastDeadline: Math.round(chance * 100) / 100,
      then: thenText(knobs, task),
    };
  });
  return { listed, total: found.length };
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
