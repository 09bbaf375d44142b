import type { PlannedHost } from "./plan-hosts.ts";
import type { TaskEnds } from "./task-ends.ts";
import type { TasksByHost } from "./tasks-by-host.ts";

/** Draws when the tasks of a host, given by its place in the plan, end. */
export interface OldTasks {
  /** How long from `start` until what runs on the host then has ended. */
  drainMs(host: number, start: number, random: () => number): number;
  /** When the last task has ended that runs on the host's old release at `at`. */
  lastEnd(host: number, at: number, random: () => number): number;
  /** What `lastEnd` never exceeds: a host for which that is too early to matter need not be drawn. */
  latestEnd(at: number): number;
}

export function makeOldTasks(
  hosts: readonly PlannedHost[],
  tasks: TasksByHost,
  how: { ends: TaskEnds; busyShare: number },
): OldTasks {
  const { ends, busyShare } = how;
  const { sorted, lengthBiased } = ends;
  const { first, ageMs } = tasks;
  const longest = sorted.at(-1) ?? 0;
  /** First measured duration above its age, once it was asked for; -1 before. */
  const from = new Int32Array(ageMs.length).fill(-1);
  /** What is assumed of a task that has lasted longer than all that were measured. */
  const beyond = (task: number): number => ends.remaining(ageMs[task] ?? 0, tasks.task(task).timeoutMs, 1);
  let furthest = 0;
  for (let task = 0; task < ageMs.length; task += 1) {
    const age = ageMs[task] ?? 0;
    furthest = Math.max(furthest, age < longest ? longest - age : beyond(task));
  }
  const left = (task: number, random: () => number): number => {
    const age = ageMs[task] ?? 0;
    if (age >= longest) return beyond(task);
    let above = from[task] ?? -1;
    if (above < 0) above = from[task] = ends.firstAbove(age);
    return (sorted[above + Math.floor(random() * (sorted.length - above))] ?? 0) - age;
  };
  const residual = (random: () => number): number =>
    (lengthBiased[Math.floor(random() * lengthBiased.length)] ?? 0) * random();
  return {
    drainMs(host, start, random) {
      let last = 0;
      for (let task = first[host] ?? 0; task < (first[host + 1] ?? 0); task += 1) {
        const end = left(task, random);
        last = Math.max(last, end >= start ? end - start : residual(random));
      }
      return last;
    },
    lastEnd(host, at, random) {
      const until = first[host + 1] ?? 0;
      let last = 0;
      let task = first[host] ?? 0;
      // What is free now may be as busy as the rest by then.
      const free = (hosts[host]?.slots ?? 0) - (until - task);
      for (; task < until; task += 1) {
        const end = left(task, random);
        // It may have ended by then, and the slot have taken another.
        last = Math.max(last, end >= at ? end : at + residual(random));
      }
      for (let slot = free; slot > 0; slot -= 1) {
        if (random() < busyShare) last = Math.max(last, at + residual(random));
      }
      return last;
    },
    latestEnd: (at) => Math.max(furthest, at + longest),
  };
}
