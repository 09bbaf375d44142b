import { resolve } from "node:path";
import { environments } from "@valet/shared";
import { ask } from "../ask.ts";
import type { CliContext } from "../context.ts";
import { usageFailure } from "../failure.ts";
import { allSandboxes, hostOf, lastCompletedOf } from "./ask-api.ts";
import { defaultSnapshotFile } from "./discover.ts";
import { type FleetSnapshot, writeSnapshot } from "./fleet-snapshot.ts";
import { readKeysFile } from "./keys-file.ts";

/** Writes down, signed, which hosts there are and what they were last brought to. */
export async function takeSnapshot(context: CliContext, flags: { keysFile?: string; out?: string }): Promise<void> {
  const { signingKey } = readKeysFile(context, flags.keysFile);
  if (!signingKey) {
    throw usageFailure("The keys file has no signingKey", 'Add one, such as the output of "openssl rand -hex 32".');
  }
  const snapshot = await ask(context, { what: "read the fleet" }, () => read(context));
  const file = resolve(context.io.folder, flags.out ?? defaultSnapshotFile);
  writeSnapshot(file, snapshot, signingKey);
  context.print({ file, ...snapshot }, () => `${snapshot.sandboxes.length} sandboxes written to ${file}, signed.`);
}

async function read(context: CliContext): Promise<FleetSnapshot> {
  const sandboxes = await allSandboxes(context);
  const lastCompleted: FleetSnapshot["lastCompleted"] = {};
  for (const environment of environments) {
    const last = await lastCompletedOf(context, environment);
    if (last) lastCompleted[environment] = last;
  }
  return {
    takenAt: new Date(context.io.clock.now()).toISOString(),
    apiUrl: context.config().apiUrl,
    sandboxes: sandboxes.map((one) => ({ ...hostOf(one), environment: one.environment })),
    lastCompleted,
  };
}
