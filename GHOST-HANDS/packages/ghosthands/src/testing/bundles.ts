import { execFile } from "node:child_process";
import { mkdtemp, rm, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

export interface Bundles {
  api: string;
  worker: string;
  remove(): Promise<void>;
}

const packageDir = join(import.meta.dirname, "..", "..");
const buildScript = join(packageDir, "..", "..", "..", "tools", "build-app.mjs");

/** The two programs as they ship, built from the sources as they are now; inside the package, where their dependencies are found. */
export async function buildBundles(): Promise<Bundles> {
  const cache = join(packageDir, "node_modules", ".cache");
  await mkdir(cache, { recursive: true });
  const folder = await mkdtemp(join(cache, "bundles-"));
  const api = join(folder, "api.js");
  const worker = join(folder, "worker.js");
  const entries = [`src/api/server.ts:${api}`, `src/workers/main.ts:${worker}`];
  await promisify(execFile)(process.execPath, [buildScript, ...entries], { cwd: packageDir });
  return { api, worker, remove: () => rm(folder, { recursive: true, force: true }) };
}
