import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";

const schema = z.object({ owned: z.array(z.number().int().min(0)), spare: z.boolean() });
/** What the control plane last asked for: the slots this generation owns, and whether a spare browser is wanted. */
export type DesiredSlots = z.infer<typeof schema>;

export interface DesiredSlotsFile {
  read(): DesiredSlots;
  write(desired: DesiredSlots): void;
}

/** A new generation boots without slots and with a spare; a restarted one goes on with what it had. */
const atFirst: DesiredSlots = { owned: [], spare: true };

export function makeDesiredSlotsFile(dataDir: string, generation: number): DesiredSlotsFile {
  const path = join(dataDir, "slots", `g${generation}.json`);
  mkdirSync(join(dataDir, "slots"), { recursive: true });
  return {
    read() {
      try {
        return schema.parse(JSON.parse(readFileSync(path, "utf8")));
      } catch (error) {
        if (error instanceof Error && "code" in error && error.code === "ENOENT") return atFirst;
        throw new Error(`${path} cannot be read; delete it to start without slots`, { cause: error });
      }
    },
    write(desired) {
      writeFileSync(`${path}.tmp`, JSON.stringify(desired));
      renameSync(`${path}.tmp`, path);
    },
  };
}
