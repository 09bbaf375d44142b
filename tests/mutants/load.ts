import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";

const mutantSchema = z.object({
  id: z.string().regex(/^[A-Za-z0-9-]+$/),
  /** One sentence: the failure it brings back. */
  what: z.string().optional(),
  file: z.string(),
  replace: z.string().min(1),
  with: z.string(),
  /** Test file that must fail, and a text in that test's name. */
  failing: z.string(),
  testName: z.string().min(1),
});
export type Mutant = z.infer<typeof mutantSchema>;

/** Every mutant of the repository, by id. */
export function loadMutants(root: string): Mutant[] {
  const folder = join(root, "tests", "mutants");
  return readdirSync(folder)
    .filter((name) => name.endsWith(".json"))
    .sort()
    .map((name) => {
      const parsed = mutantSchema.safeParse(JSON.parse(readFileSync(join(folder, name), "utf8")));
      if (!parsed.success) throw new Error(`tests/mutants/${name}: ${z.prettifyError(parsed.error)}`);
      return parsed.data;
    });
}
