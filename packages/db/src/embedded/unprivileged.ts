import { access, chown, constants, mkdir, stat } from "node:fs/promises";
import { dirname } from "node:path";

/** Postgres refuses to run as root; root hands it over to nobody. */
export interface RunAs {
  uid?: number;
  gid?: number;
}
const nobody = 65_534;

export function runAs(): RunAs {
  return process.getuid?.() === 0 ? { uid: nobody, gid: nobody } : {};
}

/** True when a process without rights of its own gets through every folder above `path` (which need not exist yet). */
export async function isReachableForOthers(path: string): Promise<boolean> {
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    const mode = await stat(folder).then(
      (found) => found.mode,
      () => 0o777,
    );
    if ((mode & 0o001) === 0) return false;
    if (folder === dirname(folder)) return true;
  }
}

export async function isWritable(path: string): Promise<boolean> {
  return access(path, constants.W_OK).then(
    () => true,
    () => false,
  );
}

/** Makes the folder and gives it to whoever runs Postgres. */
export async function makeOwnedFolder(path: string, as: RunAs, mode = 0o755): Promise<void> {
  await mkdir(path, { recursive: true, mode });
  if (as.uid !== undefined && as.gid !== undefined) await chown(path, as.uid, as.gid);
}
