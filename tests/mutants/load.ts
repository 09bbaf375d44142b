import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";

const patch = { file: z.string(), replace: z.string().min(1), with: z.string() };
const common = {
  id: z.string().regex(/^[A-Za-z0-9-]+$/),
  /** One sentence: the failure it brings back. */
  what: z.string().optional(),
  ...patch,
};
const testedSchema = z.strictObject({
  ...common,
  /** Test file that must fail, and a text in that test's name. */
  failing: z.string(),
  testName: z.string().min(1),
});
const simulatedSchema = z.strictObject({
  ...common,
  /** More of the same failure, where one guard stands behind another. */
  also: z.array(z.strictObject(patch)).default([]),
  /** The simulator must find a broken law within so many seeds, from 1 on. */
  simulate: z.strictObject({ seeds: z.number().int().min(1).max(2000) }),
});
const mutantSchema = z.union([testedSchema, simulatedSchema]);
export type Mutant = z.infer<typeof mutantSchema>;
export type TestedMutant = z.infer<typeof testedSchema>;
export type SimulatedMutant = z.infer<typeof simulatedSchema>;

export function isSimulated(mutant: Mutant): mutant is SimulatedMutant {
  return "simulate" in mutant;
}

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
