import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import type { SourcePatch } from "../local-stack/source-patches.ts";
import type { Sabotage } from "./options.ts";

const sabotageSchema = z.object({
  /** One sentence: the failure that is put back. */
  what: z.string(),
  patches: z.array(z.object({ file: z.string(), replace: z.string().min(1), with: z.string() })).min(1),
});

/** The source patches of a sabotage: test material, read from tests/mutants/sabotage/NAME.json. */
export function loadSabotage(root: string, name: Sabotage): SourcePatch[] {
  const file = join(root, "tests", "mutants", "sabotage", `${name}.json`);
  return sabotageSchema.parse(JSON.parse(readFileSync(file, "utf8"))).patches;
}
