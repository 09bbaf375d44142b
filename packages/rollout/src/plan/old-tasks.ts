import type { PlannedHost } from "./plan-hosts.ts";
import type { OpenTask } from "./plan-input.ts";
import type { TaskEnds } from "./task-ends.ts";

/** Draws when the tasks of a host end. Flat arrays: forty thousand tasks are drawn some dozen times for one plan. */
export interface OldTasks {
  /** How long from `start` until what runs on the host then has ended. */
  drainMs(host: number, start: number, random: () => number): number;
  /** When the last task has ended that runs on the host's old release at `at`. */
  lastEnd(host: number, at: number, random: () => number): number;
}

export function makeOldTasks(
  hosts: readonly PlannedHost[],
  tasksOn: ReadonlyMap<string, readonly OpenTask[]>,
  how: { ends: TaskEnds; busyShare: number; now: number },
): OldTasks {
  const { ends, busyShare, now } = how;
  const { sorted, lengthBiased } = ends;
  const count = hosts.reduce((sum, host) => sum + (tasksOn.get(host.step.sandboxId)?.length ?? 0), 0);
  const first = new Int32Array(hosts.length + 1);
  const free = new Int32Array(hosts.length);
  const age = new Float64Array(count);
  /** First measured duration above its age; and what is assumed past them all. */
  const from = new Int32Array(count);
  const beyond = new Float64Array(count);
  let place = 0;
  for (const [index, { step, observation }] of hosts.entries()) {
    first[index] = place;
    for (const { startedAt, timeoutMs } of tasksOn.get(step.sandboxId) ?? []) {
      age[place] = now - startedAt;
      from[place] = ends.firstAbove(now - startedAt);
      beyond[place] = ends.remaining(now - startedAt, timeoutMs, 1);
      place += 1;
    }
    free[index] = Math.max(0, (observation?.facts.slots.length ?? 0) - (place - (first[index] ?? 0)));
  }
  first[hosts.length] = place;
  const left = (task: number, random: () => number): number => {
    const above = from[task] ?? 0;
    if (above >= sorted.length) return beyond[task] ?? 0;
    return (sorted[above + Math.floor(random() * (sorted.length - above))] ?? 0) - (age[task] ?? 0);
  };
  const residual = (random: () => number): number =>
    (lengthBiased[Math.floor(random() * lengthBiased.length)] ?? 0) * random();
  return {
    drainMs(host, start, random) {
      let longest = 0;
      for (let task = first[host] ?? 0; task < (first[host + 1] ?? 0); task += 1) {
        const ends = left(task, random);
        longest = Math.max(longest, ends >= start ? ends - start : residual(random));
      }
      return longest;
    },
    lastEnd(host, at, random) {
      let last = 0;
      for (let task = first[host] ?? 0; task < (first[host + 1] ?? 0); task += 1) {
        const ends = left(task, random);
        // It may have ended by then, and the slot have taken another.
        last = Math.max(last, ends >= at ? ends : at + residual(random));
      }
      // What is free now may be as busy as the rest by then.
      for (let slot = free[host] ?? 0; slot > 0; slot -= 1) {
        if (random() < busyShare) last = Math.max(last, at + residual(random));
      }
      return last;
    },
  };
}
