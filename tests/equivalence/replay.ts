import { z } from "zod";
import type { Command } from "./commands.ts";
import { generate } from "./generate.ts";
import { runSequence } from "./run-sequence.ts";
import { shrink, tell } from "./shrink.ts";
import { createClockedDatabase } from "./test-clock.ts";

const usage = 'replay.ts <seed> | replay.ts \'{"seed":1,"commands":[…]}\'';
const scriptSchema = z.object({ seed: z.number().int(), commands: z.array(z.custom<Command>()) });

/** Runs one sequence again, by its seed or as it was printed, and tells where the stores differ. */
async function main(argument: string | undefined): Promise<number> {
  if (argument === undefined) throw new Error(usage);
  const isSeed = /^\d+$/.test(argument);
  const seed = Number(argument);
  const script = isSeed ? { seed, commands: generate(seed, 30) } : scriptSchema.parse(JSON.parse(argument));
  const database = await createClockedDatabase();
  try {
    const difference = await runSequence(database, script.seed, script.commands);
    if (!difference) {
      console.log(`seed ${script.seed}: the stores agree on ${script.commands.length} commands`);
      return 0;
    }
    const failure = { ...script, difference };
    console.log(tell(isSeed ? await shrink(database, failure) : failure));
    return 1;
  } finally {
    await database.drop();
  }
}

process.exitCode = await main(process.argv[2]);
