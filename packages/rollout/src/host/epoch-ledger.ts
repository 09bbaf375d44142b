import { err, ok, type Result } from "@valet/shared";
import { z } from "zod";
import { readJsonFile, writeDurably } from "./durable-file.ts";

export interface StaleEpoch {
  kind: "stale_epoch";
  /** The newest epoch this host has seen. */
  epoch: number;
  message: string;
}

export interface EpochLedger {
  current(): number;
  /** Whether `epoch` would be admitted; writes nothing. */
  check(epoch: number): Result<void, StaleEpoch>;
  /** Writes the epoch to disk BEFORE its command may act; one that is not newer is refused. */
  admit(epoch: number): Result<void, StaleEpoch>;
}

/** The order of commands to this host. The one thing an agent may never lose: a delayed older command must stay refused. */
export function openEpochLedger(path: string): EpochLedger {
  const kept = readJsonFile(path, z.object({ epoch: z.number().int().min(0) }))?.epoch ?? 0;
  return makeEpochLedger(kept, (epoch) => writeDurably(path, `${JSON.stringify({ epoch })}\n`));
}

/** The ledger over any store: `keep` returns once the epoch is on disk. */
export function makeEpochLedger(kept: number, keep: (epoch: number) => void): EpochLedger {
  let current = kept;
  const check = (epoch: number): Result<void, StaleEpoch> =>
    epoch > current
      ? ok(undefined)
      : err({
          kind: "stale_epoch",
          epoch: current,
          message: `epoch ${epoch} is not newer than ${current}, the last one this host acted on: send the sandbox's next epoch`,
        });
  return {
    current: () => current,
    check,
    admit(epoch) {
      const checked = check(epoch);
      if (!checked.ok) return checked;
      keep(epoch);
      current = epoch;
      return ok(undefined);
    },
  };
}
