import { mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** What the agent needs to enforce a deadline from outside. */
export interface LeaseNote {
  taskId: string;
  fence: number;
  leaseId: string;
  deadlineWallMs: number;
  deadlineMonoMs: number;
  browserPid: number;
  profileDir: string;
  frozen: boolean;
}

export interface LeaseFiles {
  write(place: string, note: LeaseNote): void;
  remove(place: string): void;
  /** At boot: whatever an earlier process of this generation left. */
  clear(): void;
}

/** `<dataDir>/leases/g<generation>-<slot or spare>.json`; replaced in one step, so that no reader sees half a file. */
export function makeLeaseFiles(dataDir: string, generation: number): LeaseFiles {
  const folder = join(dataDir, "leases");
  const prefix = `g${generation}-`;
  const pathOf = (place: string) => join(folder, `${prefix}${place}.json`);
  return {
    write(place, note) {
      mkdirSync(folder, { recursive: true });
      const path = pathOf(place);
      writeFileSync(`${path}.tmp`, JSON.stringify(note));
      renameSync(`${path}.tmp`, path);
    },
    remove: (place) => rmSync(pathOf(place), { force: true }),
    clear() {
      mkdirSync(folder, { recursive: true });
      for (const name of readdirSync(folder)) if (name.startsWith(prefix)) rmSync(join(folder, name), { force: true });
    },
  };
}
