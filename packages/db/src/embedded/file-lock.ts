import { link, readFile, rm, writeFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { isProcessAlive } from "./keeper.ts";

/** One holder at a time, by an exclusively created file with its pid; a dead holder's lock is taken over. */
export async function withFileLock<T>(path: string, deadlineMs: number, work: () => Promise<T>): Promise<T> {
  const own = `${path}.${process.pid}.${Math.random().toString(36).slice(2)}`;
  await writeFile(own, String(process.pid));
  try {
    await acquire(path, own, deadlineMs);
    try {
      return await work();
    } finally {
      await rm(path, { force: true });
    }
  } finally {
    await rm(own, { force: true });
  }
}

async function acquire(path: string, own: string, deadlineMs: number): Promise<void> {
  const giveUpAt = performance.now() + deadlineMs;
  for (;;) {
    // A link appears whole, with the pid in it, or not at all.
    const error = await link(own, path).then(
      () => undefined,
      (reason: NodeJS.ErrnoException) => reason,
    );
    if (!error) return;
    if (error.code !== "EEXIST") throw error;
    const holder = Number(await readFile(path, "utf8").catch(() => "0"));
    if (holder > 0 && !isProcessAlive(holder)) await rm(path, { force: true });
    if (performance.now() > giveUpAt) {
      throw new Error(`${path} is held by process ${holder}: end it, or remove the file when it is gone`);
    }
    await sleep(50);
  }
}
