import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { isSimulated, loadMutants } from "../tests/mutants/load.ts";
import { applyPatch, type SourcePatch } from "./local-stack/source-patches.ts";
import { sabotages } from "./story/options.ts";
import { loadSabotage } from "./story/sabotage.ts";

const root = dirname(import.meta.dirname);
const read = (file: string): string => readFileSync(join(root, file), "utf8");

/** A mutant whose text has moved brings nothing back, and nobody would notice before its turn in the sample comes. */
describe("mutants and sabotages", () => {
  it("all patch what is there", () => {
    const patches: SourcePatch[] = loadMutants(root).flatMap((mutant) =>
      isSimulated(mutant) ? [mutant, ...mutant.also] : [mutant],
    );
    for (const name of sabotages) patches.push(...loadSabotage(root, name));
    const wrong = patches.filter((patch) => !read(patch.file).includes(patch.replace));
    expect(wrong.map(({ file, replace }) => `${file}: ${replace.slice(0, 60)}`)).toEqual([]);
  });

  it("of a sabotage apply one after the other, each once", () => {
    for (const name of sabotages) {
      const texts = new Map<string, string>();
      for (const patch of loadSabotage(root, name)) {
        texts.set(patch.file, applyPatch(texts.get(patch.file) ?? read(patch.file), patch));
      }
      expect(texts.size, name).toBeGreaterThan(0);
    }
  });

  it("name a test file that exists", () => {
    const folders = new Map<string, Set<string>>();
    const exists = (file: string): boolean => {
      const folder = dirname(file);
      const names = folders.get(folder) ?? new Set(readdirSync(join(root, folder)));
      folders.set(folder, names);
      return names.has(file.slice(folder.length + 1));
    };
    const gone = loadMutants(root).filter((mutant) => !isSimulated(mutant) && !exists(mutant.failing));
    expect(gone.map(({ id }) => id)).toEqual([]);
  });
});
