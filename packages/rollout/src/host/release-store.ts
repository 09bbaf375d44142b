import { existsSync, readdirSync } from "node:fs";
import { chmod, mkdir, open, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { attestRelease, type ReleaseConfig, releaseConfigSchema } from "@valet/contracts/node";
import { err, ok, type Result } from "@valet/shared";
import { extract } from "tar";
import { readJsonFile } from "./durable-file.ts";
import { diskError, type PullError, type RegistryClient } from "./registry-client.ts";

export interface InstallError {
  kind: PullError["kind"] | "corrupt";
  message: string;
}

export interface ReleaseStore {
  /** Folder with the files of an installed release. */
  rootOf(digest: string): string;
  /** Downloads, checks and puts a release in place in one rename. One that is there and sound is left as it is. */
  install(digest: string, signal: AbortSignal): Promise<Result<void, InstallError>>;
  /** Whether it could be downloaded now; downloads nothing. */
  canFetch(digest: string, signal: AbortSignal): Promise<Result<void, PullError>>;
  /** Hashes every byte of an installed release. */
  verifyInstalled(digest: string): Promise<Result<ReleaseConfig, InstallError>>;
  installed(): string[];
  /** Deletes all releases but those `keep` names when it is its turn: it never runs beside an installation. Returns what was deleted. */
  prune(keep: () => ReadonlySet<string>): Promise<Result<string[], InstallError>>;
}
export type RemoveFolder = (path: string) => Promise<void>;
const removeFolder: RemoveFolder = (path) => rm(path, { recursive: true, force: true });

/** Releases on this host's disk: `<dir>/<digest hex>/{manifest.json,config.json,root/}`. */
export function makeReleaseStore(dir: string, registry: RegistryClient, remove = removeFolder): ReleaseStore {
  const homeOf = (digest: string) => join(dir, digest.replace(/^sha256:/, ""));
  const rootOf = (digest: string) => join(homeOf(digest), "root");

  async function verifyInstalled(digest: string): Promise<Result<ReleaseConfig, InstallError>> {
    if (!existsSync(rootOf(digest))) return err({ kind: "corrupt", message: `${digest} is not installed` });
    const attested = await attestRelease(rootOf(digest));
    if (!attested.ok) return err({ kind: "corrupt", message: attested.error.message });
    if (attested.value.digest !== digest) {
      return err({ kind: "corrupt", message: `what is installed as ${digest} is ${attested.value.digest}` });
    }
    return ok(attested.value.config);
  }

  let turn: Promise<unknown> = Promise.resolve();
  /** One change of the folder at a time. */
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = turn.then(work, work);
    turn = mine.catch(() => undefined);
    return mine;
  }

  async function install(digest: string, signal: AbortSignal): Promise<Result<void, InstallError>> {
    if ((await verifyInstalled(digest)).ok) return ok(undefined);
    const fresh = join(dir, `.new-${digest.slice(7, 19)}-${process.pid}-${Date.now()}`);
    try {
      await mkdir(join(fresh, "root"), { recursive: true });
      const fetched = await fetchInto(fresh, digest, signal);
      if (!fetched.ok) return fetched;
      const attested = await attestRelease(join(fresh, "root"));
      if (!attested.ok) return err({ kind: "corrupt", message: attested.error.message });
      await syncToDisk(fresh);
      // Replaces a corrupt copy, if there is one.
      await rm(homeOf(digest), { recursive: true, force: true });
      await rename(fresh, homeOf(digest));
      return ok(undefined);
    } catch (error) {
      const disk = diskError(error, dir);
      if (disk) return disk;
      throw error;
    } finally {
      await rm(fresh, { recursive: true, force: true });
    }
  }

  async function fetchInto(home: string, digest: string, signal: AbortSignal): Promise<Result<void, InstallError>> {
    const fetched = await registry.fetchManifest(digest, signal);
    if (!fetched.ok) return fetched;
    const { bytes, manifest } = fetched.value;
    await writeFile(join(home, "manifest.json"), bytes);
    const config = await registry.fetchBlob(
      manifest.config.digest,
      manifest.config.size,
      join(home, "config.json"),
      signal,
    );
    if (!config.ok) return config;
    for (const [index, layer] of manifest.layers.entries()) {
      const file = join(home, `layer-${index}.tar.gz`);
      const blob = await registry.fetchBlob(layer.digest, layer.size, file, signal);
      if (!blob.ok) return blob;
      await unpack(file, join(home, "root"));
      await rm(file);
    }
    const described = readJsonFile(join(home, "config.json"), releaseConfigSchema);
    for (const { path, mode } of described?.files ?? []) {
      if (existsSync(join(home, "root", path))) await chmod(join(home, "root", path), mode);
    }
    return ok(undefined);
  }

  const installed = () =>
    existsSync(dir)
      ? readdirSync(dir)
          .filter((name) => /^[0-9a-f]{64}$/.test(name))
          .map((hex) => `sha256:${hex}`)
      : [];

  async function prune(keep: () => ReadonlySet<string>): Promise<Result<string[], InstallError>> {
    const kept = keep();
    const extra = installed().filter((digest) => !kept.has(digest));
    // What an installation left that was killed.
    const halves = existsSync(dir) ? readdirSync(dir).filter((name) => name.startsWith(".new-")) : [];
    const gone = [...extra.map(homeOf), ...halves.map((name) => join(dir, name))];
    for (const path of gone) {
      try {
        await remove(path);
      } catch (error) {
        const disk = diskError(error, path);
        const why = disk && !disk.ok ? disk.error.message : String(error);
        return err({ kind: "disk", message: `releases that nobody needs any more cannot be deleted: ${why}` });
      }
    }
    return ok(extra);
  }

  return {
    rootOf,
    install: (digest, signal) => inTurn(() => install(digest, signal)),
    canFetch: (digest, signal) => registry.canFetch(digest, signal),
    verifyInstalled,
    installed,
    prune: (keep) => inTurn(() => prune(keep)),
  };
}

/** Unpacks plain files and folders; links, devices and paths that lead outside stop it. */
export async function unpack(file: string, into: string): Promise<void> {
  // Thrown from the filter it would be nobody's: the stream that calls it has no caller to reject.
  let refused: string | undefined;
  await extract({
    file,
    cwd: into,
    strict: true,
    preserveOwner: false,
    filter: (path, entry) => {
      const kind = "type" in entry ? entry.type : "File";
      if (kind === "File" || kind === "OldFile" || kind === "Directory") return true;
      refused ??= `${path} is a ${kind}: a release holds plain files only`;
      return false;
    },
  });
  if (refused !== undefined) throw new Error(refused);
}

async function syncToDisk(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
