import { setTimeout as sleep } from "node:timers/promises";
import type pg from "pg";

/**
 * Holds a session's advisory lock around `work`. Polls: a waiter inside `pg_advisory_lock` would hold a snapshot, and deadlock
 * with CREATE INDEX CONCURRENTLY.
 */
export async function withAdvisoryLock<T>(
  client: pg.ClientBase,
  key: number,
  deadlineMs: number,
  work: () => Promise<T>,
): Promise<T> {
  const giveUpAt = performance.now() + deadlineMs;
  for (;;) {
    const { rows } = await client.query<{ locked: boolean }>("SELECT pg_try_advisory_lock($1) AS locked", [key]);
    if (rows[0]?.locked) break;
    if (performance.now() > giveUpAt) {
      throw new Error(
        `another process has held the migration lock for ${deadlineMs} ms: look for a migration that hangs`,
      );
    }
    await sleep(100);
  }
  try {
    return await work();
  } finally {
    await client.query("SELECT pg_advisory_unlock($1)", [key]);
  }
}
