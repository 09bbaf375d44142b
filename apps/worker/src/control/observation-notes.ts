import type { AgentHealth } from "@valet/contracts";
import { type Database, type SandboxObservation, noteObservations } from "@valet/db";
import { type DriverError, steadyHealth } from "@valet/rollout";
import { type Clock, type Result, canonicalJson } from "@valet/shared";

export interface ObservationNotes {
  note(sandboxId: string, seen: Result<AgentHealth, DriverError>): void;
  /** Writes what is new, or older than a while, in one statement. */
  flush(): Promise<void>;
}

/** Even what has not changed is written this often, so that its age tells how long ago the host was looked at. */
const refreshMs = 10_000;

/** Keeps what hosts said last in the database, for those who plan without asking them. */
export function makeObservationNotes({ db, clock }: { db: Database; clock: Clock }): ObservationNotes {
  const written = new Map<string, { text: string; atMs: number }>();
  const pending = new Map<string, SandboxObservation>();
  return {
    note(sandboxId, seen) {
      const atMs = clock.now();
      const text = seen.ok ? canonicalJson(steadyHealth(seen.value)) : "silent";
      const last = written.get(sandboxId);
      if (last?.text === text && atMs - last.atMs < refreshMs) return;
      written.set(sandboxId, { text, atMs });
      const health = seen.ok ? { ...seen.value } : null;
      pending.set(sandboxId, { sandboxId, observedAt: new Date(atMs), health, why: seen.ok ? "" : seen.error.message });
    },
    async flush() {
      const news = [...pending.values()];
      pending.clear();
      await noteObservations(db, news);
    },
  };
}
