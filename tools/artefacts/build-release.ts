import { createHash } from "node:crypto";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { ReleaseConfig, ReleaseFile, ReleaseManifest } from "@valet/contracts/node";
import { listFiles, sha256 } from "@valet/contracts/node";
import { build } from "esbuild";
import { create } from "tar";
import { programOptions } from "../build-app.mjs";
import { type SourcePatch, sourcePatches } from "../local-stack/source-patches.ts";

const repositoryRoot = dirname(dirname(import.meta.dirname));
const mediaTypes = {
  manifest: "application/vnd.oci.image.manifest.v1+json",
  config: "application/vnd.valet.release.config.v1+json",
  layer: "application/vnd.oci.image.layer.v1.tar+gzip",
} as const;

export interface ReleaseOptions {
  /** Baked into the programs as __GH_VERSION__, and what the release calls itself. */
  version: string;
  commit?: string;
  /** Where manifest, config and layer are put; a new temporary folder by default. */
  outDir?: string;
  /** Source changes, applied while bundling: how a release that really is broken is made. */
  patch?: readonly SourcePatch[];
  /** Programs, from the repository's root; GHOST-HANDS' own by default. */
  entries?: { api: string; worker: string };
  /** Packages that travel unbundled. */
  modules?: readonly string[];
}

export interface BuiltRelease {
  version: string;
  /** sha256 of the manifest's bytes: the image digest. */
  digest: string;
  dir: string;
  manifestPath: string;
  /** Digest -> file, of config and layer. */
  blobs: { digest: string; path: string }[];
}

/**
 * Builds one release artefact: bundles, unbundled packages and release.json in one layer; a config with the hash of every
 * file; a manifest. The same inputs give the same digest.
 */
export async function buildRelease(options: ReleaseOptions): Promise<BuiltRelease> {
  const dir = options.outDir ?? mkdtempSync(join(tmpdir(), "release-"));
  const root = join(dir, "root");
  rmSync(root, { recursive: true, force: true });
  mkdirSync(root, { recursive: true });
  const entries = options.entries ?? {
    api: "GHOST-HANDS/packages/ghosthands/src/api/server.ts",
    worker: "GHOST-HANDS/packages/ghosthands/src/workers/main.ts",
  };
  await bundle(root, entries, options);
  for (const name of options.modules ?? ["playwright-core"]) copyModule(root, name);
  const described = { version: options.version, commit: options.commit ?? "", wire: { min: 1, max: 1 } };
  writeFileSync(join(root, "release.json"), json({ ...described, files: await describeFiles(root) }));
  const config: ReleaseConfig = { ...described, files: await describeFiles(root) };
  const configPath = join(dir, "config.json");
  writeFileSync(configPath, json(config));
  const layerPath = join(dir, "layer.tar.gz");
  await pack(root, config.files, layerPath);
  const manifest: ReleaseManifest = {
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config: describeBlob(mediaTypes.config, configPath),
    layers: [describeBlob(mediaTypes.layer, layerPath)],
  };
  const manifestPath = join(dir, "manifest.json");
  writeFileSync(manifestPath, json(manifest));
  return {
    version: options.version,
    digest: sha256(readFileSync(manifestPath)),
    dir,
    manifestPath,
    blobs: [
      { digest: manifest.config.digest, path: configPath },
      ...manifest.layers.map(({ digest }) => ({ digest, path: layerPath })),
    ],
  };
}

async function bundle(root: string, entries: { api: string; worker: string }, options: ReleaseOptions): Promise<void> {
  await build({
    ...programOptions,
    // Paths in the output are relative to the repository, so that a build does not depend on where it lies.
    absWorkingDir: repositoryRoot,
    entryPoints: { api: join(repositoryRoot, entries.api), worker: join(repositoryRoot, entries.worker) },
    outdir: root,
    define: {
      __GH_VERSION__: JSON.stringify(options.version),
      __GH_COMMIT__: JSON.stringify(options.commit ?? ""),
    },
    plugins: [sourcePatches(repositoryRoot, options.patch ?? [])],
  } as Parameters<typeof build>[0]);
  // Node reads the nearest package.json to learn that these files are modules.
  writeFileSync(join(root, "package.json"), json({ name: "ghosthands-release", private: true, type: "module" }));
}

function copyModule(root: string, name: string): void {
  const from = dirname(createRequire(join(repositoryRoot, "package.json")).resolve(`${name}/package.json`));
  cpSync(realpathSync(from), join(root, "node_modules", name), {
    recursive: true,
    dereference: true,
    filter: (path) => !path.slice(from.length).includes("node_modules"),
  });
}

async function describeFiles(root: string): Promise<ReleaseFile[]> {
  return (await listFiles(root)).map((path) => ({
    path,
    sha256: createHash("sha256")
      .update(readFileSync(join(root, path)))
      .digest("hex"),
    mode: (statSync(join(root, path)).mode & 0o100) === 0 ? 0o644 : 0o755,
  }));
}

async function pack(root: string, files: readonly ReleaseFile[], layerPath: string): Promise<void> {
  const modes = new Map(files.map((file) => [file.path, file.mode]));
  await create(
    {
      cwd: root,
      file: layerPath,
      portable: true,
      mtime: new Date(0),
      noDirRecurse: true,
      gzip: { level: 4, portable: true },
      onWriteEntry: (entry) => {
        if (entry.stat) entry.stat.mode = 0o100000 | (modes.get(entry.path) ?? 0o644);
      },
    },
    files.map((file) => file.path),
  );
}

function describeBlob(mediaType: string, path: string) {
  const bytes = readFileSync(path);
  return { mediaType, digest: sha256(bytes), size: bytes.byteLength };
}

const json = (value: unknown) => `${JSON.stringify(value, null, 1)}\n`;
