import { makePlaceFinder } from "../decide/place-finder.ts";
import type { PlannedHost } from "./plan-hosts.ts";
import type { OpenTask } from "./plan-input.ts";

/** The tasks that run now, host by host. Flat arrays: each of forty thousand is looked at once here, and then only where it matters. */
export interface TasksByHost {
  /** The tasks of the host at `place` stand from `first[place]` up to `first[place + 1]`. */
  first: Int32Array;
  /** How long each has run, ms. */
  ageMs: Float64Array;
  task(place: number): OpenTask;
}

export function tasksByHost(hosts: readonly PlannedHost[], tasks: readonly OpenTask[], now: number): TasksByHost {
  const finder = makePlaceFinder(hosts.length, (place) => hosts[place]?.step.sandboxId);
  const hostOf = new Int32Array(tasks.length);
  const age = new Float64Array(tasks.length);
  const first = new Int32Array(hosts.length + 2);
  for (let place = 0; place < tasks.length; place += 1) {
    const task = tasks[place];
    const host = task === undefined ? null : finder.find(task.sandboxId);
    hostOf[place] = host ?? -1;
    age[place] = now - (task?.startedAt ?? now);
    if (host !== null) first[host + 2] = (first[host + 2] ?? 0) + 1;
  }
  for (let host = 2; host < first.length; host += 1) first[host] = (first[host] ?? 0) + (first[host - 1] ?? 0);
  const known = first[hosts.length + 1] ?? 0;
  const order = new Int32Array(known);
  const ageMs = new Float64Array(known);
  // `first` is one place ahead until here; each task placed moves its host's start to where it belongs.
  for (let place = 0; place < tasks.length; place += 1) {
    const host = hostOf[place] ?? -1;
    if (host < 0) continue;
    const to = first[host + 1] ?? 0;
    first[host + 1] = to + 1;
    order[to] = place;
    ageMs[to] = age[place] ?? 0;
  }
  return {
    first: first.subarray(0, hosts.length + 1),
    ageMs,
    task(place) {
      const found = tasks[order[place] ?? -1];
      if (!found) throw new Error(`there is no task at place ${place}`);
      return found;
    },
  };
}
