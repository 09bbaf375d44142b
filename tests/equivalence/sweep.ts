import { generate } from "./generate.ts";
import { runSequence } from "./run-sequence.ts";
import { shrink, type Failure } from "./shrink.ts";
import { createClockedDatabase, type ClockedDatabase } from "./test-clock.ts";

export interface Sweep {
  sequences: number;
  commands: number;
  /** What the commands led to, and how often. */
  deeds: Map<string, number>;
  seconds: number;
  /** The first failure, shrunk. */
  failure: Failure | undefined;
}

/** Random sequences from `first` on, in as many databases at once as there are lanes; ends at the first failure. */
export async function sweep(input: { first: number; count: number; length: number; lanes: number }): Promise<Sweep> {
  const startedMs = performance.now();
  const done: Sweep = { sequences: 0, commands: 0, deeds: new Map(), seconds: 0, failure: undefined };
  const note = (deed: string) => void done.deeds.set(deed, (done.deeds.get(deed) ?? 0) + 1);
  let next = input.first;
  const lane = async (database: ClockedDatabase): Promise<void> => {
    while (next < input.first + input.count && !done.failure) {
      const seed = next;
      next += 1;
      const commands = generate(seed, input.length);
      const difference = await runSequence(database, seed, commands, note);
      done.sequences += 1;
      done.commands += commands.length;
      if (difference) done.failure ??= await shrink(database, { seed, commands, difference });
    }
  };
  const databases = await Promise.all(Array.from({ length: input.lanes }, () => createClockedDatabase()));
  try {
    await Promise.all(databases.map(lane));
  } finally {
    await Promise.all(databases.map((database) => database.drop()));
  }
  done.seconds = (performance.now() - startedMs) / 1_000;
  return done;
}
