import { type BuiltRelease, buildRelease } from "../build-release.ts";
import type { SourcePatch } from "../../local-stack/source-patches.ts";

const entries = {
  api: "tools/artefacts/fixture-release/api.ts",
  worker: "tools/artefacts/fixture-release/worker.ts",
};

/** A small release without Playwright that speaks GHOST-HANDS' contract: for tests of everything around a release. */
export function buildFixtureRelease(
  version: string,
  patch: readonly SourcePatch[] = [],
  outDir?: string,
): Promise<BuiltRelease> {
  return buildRelease({ version, patch, entries, modules: [], outDir });
}

/** Its browser ends as soon as it is started. */
export const cannotStartItsBrowser: readonly SourcePatch[] = [
  { file: entries.worker, replace: '"setInterval(() => {}, 1e6)"', with: '"process.exit(1)"' },
];

/** Its worker ends at boot, every time. */
export const cannotBoot: readonly SourcePatch[] = [
  { file: entries.worker, replace: 'bootFailure = ""', with: 'bootFailure = "no worker today"' },
];
