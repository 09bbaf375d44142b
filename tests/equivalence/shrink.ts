import { isDeepStrictEqual } from "node:util";
import type { ClockedDatabase } from "./test-clock.ts";
import type { Command } from "./commands.ts";
import { runSequence, type Difference } from "./run-sequence.ts";

export interface Failure {
  seed: number;
  commands: readonly Command[];
  difference: Difference;
}

const mostTries = 400;
const mostPaths = 20;

/** Takes commands out while the stores still differ: first long stretches, at last one by one. */
export async function shrink(database: ClockedDatabase, failure: Failure): Promise<Failure> {
  let { commands, difference } = failure;
  commands = commands.slice(0, difference.at + 1);
  let tries = 0;
  for (let size = Math.ceil(commands.length / 2); size >= 1; size = Math.floor(size / 2)) {
    for (let from = commands.length - size; from >= 0 && tries < mostTries; from -= size) {
      const fewer = commands.toSpliced(from, size);
      tries += 1;
      const found = await runSequence(database, failure.seed, fewer);
      if (found) [commands, difference] = [fewer, found];
    }
  }
  return { seed: failure.seed, commands, difference };
}

/** The failure as it is told, with what replays it. */
export function tell({ seed, commands, difference }: Failure): string {
  return [
    `seed ${seed}: the stores differ after ${commands.length} commands, at ${difference.call.op}`,
    `call:   ${JSON.stringify(difference.call)}`,
    ...pathsThatDiffer(difference.sql, difference.memory).slice(0, mostPaths),
    `replay: npx tsx --conditions=source tests/equivalence/replay.ts '${JSON.stringify({ seed, commands })}'`,
  ].join("\n");
}

/** Where two values differ, one line a place. */
function pathsThatDiffer(sql: unknown, memory: unknown, path = "it"): string[] {
  if (isDeepStrictEqual(sql, memory)) return [];
  if (!isObject(sql) || !isObject(memory)) {
    return [`  ${path}: ${JSON.stringify(sql)} in sql, ${JSON.stringify(memory)} in memory`];
  }
  const keys = new Set([...Object.keys(sql), ...Object.keys(memory)]);
  return [...keys].flatMap((key) => pathsThatDiffer(sql[key], memory[key], `${path}.${key}`));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
