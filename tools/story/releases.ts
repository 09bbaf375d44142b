import { join } from "node:path";
import { type BuiltRelease, buildRelease } from "../artefacts/build-release.ts";
import type { LocalRegistry } from "../artefacts/registry.ts";
import type { SourcePatch } from "../local-stack/source-patches.ts";
import { brokenBrowserPatch } from "./broken-browser.ts";

/** The releases of the story: two good ones, and one that was built without a browser it can start. */
export async function publishReleases(
  registry: LocalRegistry,
  dir: string,
  patches: readonly SourcePatch[],
  suffix: string,
): Promise<BuiltRelease[]> {
  const plans = [
    { version: `v1${suffix}`, patch: [...patches] },
    { version: `v2${suffix}`, patch: [...patches] },
    { version: `v3${suffix}`, patch: [...patches, brokenBrowserPatch] },
  ];
  const releases = await Promise.all(plans.map((plan) => buildRelease({ ...plan, outDir: join(dir, plan.version) })));
  for (const release of releases) await registry.putRelease(release, release.version);
  return releases;
}
