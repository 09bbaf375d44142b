import type { GhCommand } from "@valet/contracts";
import type { Clock } from "@valet/shared";
import { makeBackoff } from "../backoff.ts";
import { ignoreAbort } from "../bell.ts";
import type { Log } from "../log.ts";
import type { Generations } from "./generations.ts";

/** Hands commands down to generations: in order, one request at a time each, kept until taken or out of date. */
export interface Commands {
  send(generation: number, command: GhCommand, usableForMs: number): void;
  /** Waits for what is on its way to one generation. */
  settled(generation: number): Promise<void>;
}
interface Waiting {
  command: GhCommand;
  endsAtMonoMs: number;
}
interface Queue {
  waiting: Waiting[];
  flushing: Promise<void> | null;
}

const mostAtOnce = 200;
const mostWaiting = 5_000;

export function makeCommands(deps: {
  generations: Pick<Generations, "get">;
  clock: Clock;
  log: Log;
  signal: AbortSignal;
}): Commands {
  const { clock, log, signal } = deps;
  const queues = new Map<number, Queue>();

  const flush = async (number: number, queue: Queue) => {
    const backoff = makeBackoff(25, 1_000);
    while (queue.waiting.length > 0 && !signal.aborted) {
      queue.waiting = queue.waiting.filter(({ endsAtMonoMs }) => endsAtMonoMs > clock.monotonicMs());
      const generation = deps.generations.get(number);
      if (!generation) {
        queue.waiting = [];
        return;
      }
      // After a refusal one at a time: an older release may not know one of them.
      const batch = queue.waiting.slice(0, backoff.failures === 0 ? mostAtOnce : 1);
      if (batch.length === 0) return;
      const answer = await generation.api.handDown(
        batch.map(({ command }) => command),
        signal,
      );
      const isHopeless = !answer.ok && answer.error.kind === "refused" && batch.length === 1;
      if (answer.ok || isHopeless) {
        if (!answer.ok)
          log.warn({
            event: "command_refused",
            generation: number,
            type: batch[0]?.command.type,
            reason: answer.error.message,
          });
        queue.waiting = queue.waiting.filter((item) => !batch.includes(item));
        backoff.reset();
        continue;
      }
      if (backoff.failures === 0)
        log.warn({ event: "commands_not_taken", generation: number, reason: answer.error.message });
      const pauseMs = backoff.next();
      if (answer.error.kind === "unreachable") await clock.sleep(pauseMs, signal).catch(ignoreAbort);
    }
  };
  const start = (number: number, queue: Queue) => {
    queue.flushing ??= flush(number, queue).finally(() => {
      queue.flushing = null;
      if (queue.waiting.length > 0 && !signal.aborted) start(number, queue);
    });
  };
  return {
    send(number, command, usableForMs) {
      const queue = queues.get(number) ?? { waiting: [], flushing: null };
      queues.set(number, queue);
      queue.waiting = queue.waiting.filter((item) => !isReplacedBy(item.command, command)).slice(-mostWaiting);
      queue.waiting.push({ command, endsAtMonoMs: clock.monotonicMs() + usableForMs });
      start(number, queue);
    },
    async settled(number) {
      await queues.get(number)?.flushing;
    },
  };
}

/** A newer wish of the same kind makes the older one pointless; everything else is kept in its order. */
function isReplacedBy(older: GhCommand, newer: GhCommand): boolean {
  if (older.type === "slots" && newer.type === "slots") return true;
  if (older.type === "acknowledge" && newer.type === "acknowledge")
    return (
      older.valet_task_id === newer.valet_task_id &&
      older.fence === newer.fence &&
      older.through_seq <= newer.through_seq
    );
  return (
    (older.type === "cancel" || older.type === "kill") && newer.type === older.type && newer.job_id === older.job_id
  );
}
