import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";

/** A version beside the one that is installed: what it is called, and the folder of its package. */
export interface OtherVersion {
  version: string;
  folder: string;
}
/** Why it is not there: `failed` when it should be. */
export interface Missing {
  reason: string;
  failed: boolean;
}
const manifestSchema = z.object({ optionalDependencies: z.record(z.string(), z.string()) });
const installedSchema = z.object({ version: z.string() });

/**
 * Installs what `holder` names for this platform: a folder here with a manifest and a lock file of its own, outside of the workspace,
 * so that `npm start` installs none of it.
 */
export function installOtherVersion(root: string, holder: "postgres-16" | "node-24"): OtherVersion | Missing {
  const home = join(import.meta.dirname, holder);
  const platform = `${process.platform}-${process.arch}`;
  const { optionalDependencies } = manifestSchema.parse(readJson(join(home, "package.json")));
  const name = packageFor(platform, Object.keys(optionalDependencies));
  if (name === undefined) return { reason: `no npm package carries it for ${platform}`, failed: false };
  const wanted = optionalDependencies[name];
  if (installedVersion(home, name) !== wanted) {
    console.log(`--- installing ${name}@${wanted}`);
    const complaint = install(root, home);
    if (installedVersion(home, name) !== wanted) {
      return { reason: `${name}@${wanted} could not be installed: ${complaint}`, failed: true };
    }
  }
  return { version: String(wanted), folder: realpathSync(join(home, "node_modules", name)) };
}

/** The package whose name ends with the platform. */
export function packageFor(platform: string, names: string[]): string | undefined {
  return names.find((name) => name.endsWith(`/${platform}`) || name.endsWith(`-${platform}`));
}

function installedVersion(home: string, name: string): string | undefined {
  const manifest = join(home, "node_modules", name, "package.json");
  return existsSync(manifest) ? installedSchema.parse(readJson(manifest)).version : undefined;
}

/** With the pinned pnpm, as everything else; answers what it said. */
function install(root: string, home: string): string {
  const { packageManager } = z.object({ packageManager: z.string() }).parse(readJson(join(root, "package.json")));
  const { stdout, stderr, error } = spawnSync(
    "npm",
    ["exec", "--yes", "--", packageManager, "install", "--ignore-workspace", "--frozen-lockfile"],
    { cwd: home, encoding: "utf8", env: { ...process.env, CI: "true" }, timeout: 600_000 },
  );
  return `${error?.message ?? ""} ${stdout ?? ""} ${stderr ?? ""}`.trim().slice(-500);
}

function readJson(file: string): unknown {
  return JSON.parse(readFileSync(file, "utf8"));
}
