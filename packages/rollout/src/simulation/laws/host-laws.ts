import type { SandboxLike } from "./sandbox-like.ts";
import { runningOn, type SimHost } from "../sim-host.ts";

/** Laws about one host and its rows, looked at after every event. Each answers what is wrong, or null. */
export function slotsWithinCapacity(host: SimHost, sandbox: SandboxLike): string | null {
  let usable = 0;
  for (const slot of sandbox.slots) if (slot.state !== "offline" && slot.state !== "renewing") usable += 1;
  if (usable > host.capacity) return `${host.name}: ${usable} busy and accepting slots of ${host.capacity}`;
  let running = 0;
  for (const attempt of host.attempts.values()) if (!attempt.isOver && !attempt.frozen) running += 1;
  return running > host.capacity ? `${host.name} runs ${running} tasks at once on ${host.capacity} slots` : null;
}

export function oneWarmGeneration(host: SimHost): string | null {
  let warm = 0;
  for (const one of host.generations) if (one.state === "warm") warm += 1;
  return warm > 1 ? `${host.name} keeps ${warm} generations warm` : null;
}

/** What may be said of a task that is interrupted by the end of its generation. */
export function noTaskKilled(
  host: SimHost,
  generation: number,
  isOpen: (ref: { taskId: string; fence: number }) => boolean,
  mayInterrupt: (taskId: string) => boolean,
): string | null {
  for (const attempt of runningOn(host, generation)) {
    if (!isOpen(attempt) || mayInterrupt(attempt.taskId)) continue;
    return `${attempt.taskId} is interrupted on ${host.name}, generation ${generation}`;
  }
  return null;
}

/** Commands of one life of the host's ledger, in the order they were obeyed. */
export function epochOrder(host: SimHost, epoch: number): string | null {
  return epoch > host.lastObeyed ? null : `${host.name} obeys epoch ${epoch} after ${host.lastObeyed}`;
}

export function savedBeforePerformed(host: SimHost, epoch: number, sandbox: SandboxLike): string | null {
  return epoch <= sandbox.epoch ? null : `${host.name} obeys epoch ${epoch}, but only ${sandbox.epoch} was saved`;
}
