import { existsSync } from "node:fs";
import { dirname, join } from "node:path";

/** Where journals of direct deploys live: `.valet/direct` of the nearest folder that has a `.valet`, else of this one. */
export function journalPlace(startFolder: string): string {
  for (let folder = startFolder; ; folder = dirname(folder)) {
    if (existsSync(join(folder, ".valet"))) return join(folder, ".valet", "direct");
    if (dirname(folder) === folder) return join(startFolder, ".valet", "direct");
  }
}

/** Cheap enough for every command. */
export function hasJournals(startFolder: string): boolean {
  return existsSync(journalPlace(startFolder));
}
