import { fork } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import { sourcePatches, type SourcePatch } from "../../tools/local-stack/source-patches.ts";

export interface Caught {
  /** The first seed whose story breaks a law; null when none of them does. */
  seed: number | null;
  law: string;
}

interface Answer {
  failed: { seed: number; violation: { law: string } }[];
}

/** Builds the simulator with the mutant in it and lives through seeds until one breaks a law, `seeds` at most. */
export async function trySimulated(root: string, patches: readonly SourcePatch[], seeds: number): Promise<Caught> {
  const folder = mkdtempSync(join(tmpdir(), "valet-simulated-"));
  const bundle = join(folder, "sweep.mjs");
  try {
    await build({
      entryPoints: [join(root, "packages/rollout/src/simulation/sweep-worker.ts")],
      outfile: bundle,
      bundle: true,
      platform: "node",
      format: "esm",
      conditions: ["source"],
      logLevel: "silent",
      banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
      plugins: [sourcePatches(root, patches)],
    });
    const { failed } = await sweepIn(bundle, seeds);
    return { seed: failed[0]?.seed ?? null, law: failed[0]?.violation.law ?? "" };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A mutant may make the simulator hang: then it broke something, but no law says so, and it is not caught. */
const longestMs = 600_000;

function sweepIn(bundle: string, count: number): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const child = fork(bundle, { execArgv: [], timeout: longestMs });
    child.once("message", (answer) => resolve(answer as Answer));
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`the mutated simulator ended with ${code} before it had answered`)));
    child.send({ from: 1, count, stopAtFirst: true });
  });
}
