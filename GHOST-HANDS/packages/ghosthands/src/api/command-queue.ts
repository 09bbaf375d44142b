import type { GhCommand } from "@valet/contracts";
import { makeChangeSignal } from "../runtime/signal.ts";

/**
 * Commands on their way to one boot of one GH worker. The worker names the last one it has dealt with in its next poll;
 * until then it is handed out again, so that an answer lost on the way loses nothing.
 */
export interface CommandQueue {
  push(command: GhCommand): void;
  /** Forgets what was dealt with; answers with the rest, waiting for the first if there is none. */
  take(after: number, waitMs: number, signal?: AbortSignal): Promise<{ commands: GhCommand[]; cursor: number }>;
  /** Starts that no poll has confirmed: the worker's next boot must get them. */
  unconfirmedStarts(): GhCommand[];
  /** Wakes waiting polls: this queue ends. */
  end(): void;
}

const maxCommandsPerPoll = 500;

export function makeCommandQueue(): CommandQueue {
  let waiting: { number: number; command: GhCommand }[] = [];
  let last = 0;
  const signal = makeChangeSignal();
  return {
    push(command) {
      last += 1;
      waiting.push({ number: last, command });
      signal.changed();
    },
    async take(after, waitMs, abort) {
      waiting = waiting.filter((item) => item.number > after);
      if (waiting.length === 0) await signal.wait(waitMs, abort);
      const batch = waiting.slice(0, maxCommandsPerPoll);
      return { commands: batch.map((item) => item.command), cursor: batch.at(-1)?.number ?? after };
    },
    unconfirmedStarts: () => waiting.map((item) => item.command).filter((command) => command.type === "start"),
    end: () => signal.changed(),
  };
}
