import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { execFile, execFileSync } from "node:child_process";
import { promisify } from "node:util";
import { build } from "esbuild";
import { programOptions } from "../build-app.mjs";
import { type SourcePatch, sourcePatches } from "./source-patches.ts";

/** Built programs of the control plane and of the hosts: paths to one file each. */
export interface Programs {
  api: string;
  worker: string;
  agent: string;
  site: string;
}

const entries: Record<keyof Programs, { source: string; folder: string }> = {
  api: { source: "apps/api/src/server.ts", folder: "apps/api" },
  worker: { source: "apps/worker/src/main.ts", folder: "apps/worker" },
  agent: { source: "apps/agent/src/main.ts", folder: "apps/agent" },
  site: { source: "tools/story/site/main.ts", folder: "tools" },
};

/**
 * Builds each program to one file beside its package, so that what stays outside the bundle still resolves.
 * `patches` (tests and `--sabotage` only) change sources on their way into the bundle; such builds get file names of their own.
 */
export async function buildPrograms(root: string, patches: readonly SourcePatch[] = []): Promise<Programs> {
  const mark =
    patches.length === 0 ? "" : `-${createHash("sha256").update(JSON.stringify(patches)).digest("hex").slice(0, 8)}`;
  const built = await Promise.all(
    Object.entries(entries).map(async ([name, { source, folder }]) => {
      const outfile = join(root, folder, "dist", "local", `${name}${mark}.js`);
      // Another run may be starting the same program: it must never read half of one.
      const fresh = `${outfile}.${process.pid}.new`;
      await build({
        ...programOptions,
        absWorkingDir: root,
        entryPoints: [join(root, source)],
        outfile: fresh,
        plugins: [sourcePatches(root, patches)],
      });
      renameSync(fresh, outfile);
      return [name, outfile] as const;
    }),
  );
  return Object.fromEntries(built) as unknown as Programs;
}

/** Builds the dashboard unless its sources are what they were at the last build. Returns the folder to serve. */
export async function buildDashboard(root: string): Promise<string> {
  const folder = join(root, "apps", "web");
  const out = join(folder, "dist");
  const stampFile = join(out, ".sources");
  const sources = execFileSync(
    "git",
    [
      "ls-files",
      "-co",
      "--exclude-standard",
      "apps/web",
      "packages/ui",
      "packages/shared",
      "packages/contracts",
      "pnpm-lock.yaml",
    ],
    { cwd: root, encoding: "utf8" },
  ).split("\n");
  const hash = createHash("sha256");
  for (const file of sources.filter((name) => name !== "" && existsSync(join(root, name)))) {
    hash.update(file).update(readFileSync(join(root, file)));
  }
  const stamp = hash.digest("hex");
  if (existsSync(stampFile) && readFileSync(stampFile, "utf8") === stamp) return out;
  const fresh = join(folder, `dist-${process.pid}`);
  mkdirSync(fresh, { recursive: true });
  const vite = join(folder, "node_modules/vite/bin/vite.js");
  await promisify(execFile)(process.execPath, [vite, "build", "--outDir", fresh, "--logLevel", "error"], {
    cwd: folder,
    timeout: 120_000,
  });
  writeFileSync(join(fresh, ".sources"), stamp);
  rmSync(out, { recursive: true, force: true });
  renameSync(fresh, out);
  return out;
}
