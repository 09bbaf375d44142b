import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Plugin } from "esbuild";

/** One replacement in one source file, applied while a program is built; the file on disk stays as it is. */
export interface SourcePatch {
  /** Path from the repository's root. */
  file: string;
  replace: string;
  with: string;
}

/** Applies patches during a build. A text that is not found exactly once fails the build: a patch must never silently do nothing. */
export function sourcePatches(root: string, patches: readonly SourcePatch[]): Plugin {
  const byFile = groupByFile(root, patches);
  return {
    name: "source-patches",
    setup(build) {
      build.onLoad({ filter: /\.tsx?$/ }, ({ path }) => {
        const mine = byFile.get(path);
        if (!mine) return undefined;
        const contents = mine.reduce((text, patch) => applyPatch(text, patch), readFileSync(path, "utf8"));
        return { contents, loader: path.endsWith("x") ? "tsx" : "ts" };
      });
    },
  };
}

export function applyPatch(text: string, patch: SourcePatch): string {
  const found = text.split(patch.replace).length - 1;
  if (found !== 1) {
    throw new Error(
      `patch for ${patch.file}: its text occurs ${found} times, expected once: ${patch.replace.slice(0, 80)}`,
    );
  }
  return text.replace(patch.replace, () => patch.with);
}

function groupByFile(root: string, patches: readonly SourcePatch[]): Map<string, SourcePatch[]> {
  const groups = new Map<string, SourcePatch[]>();
  for (const patch of patches) {
    const path = join(root, patch.file);
    groups.set(path, [...(groups.get(path) ?? []), patch]);
  }
  return groups;
}
