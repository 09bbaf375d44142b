import { err, ok, type Result } from "@valet/shared";
import type { DeployRecord, ReleaseRef } from "./host-state.ts";
import type { Host } from "./procedure.ts";

/** Where a failed deploy goes: what the control plane named; by hand, what ran before. Hosts never choose otherwise. */
export function wayBackOf({ command, before }: Pick<DeployRecord, "command" | "before">): ReleaseRef | null {
  if (command.previous_digest === undefined) return before;
  const isSame = before?.digest === command.previous_digest;
  return { digest: command.previous_digest, imageTag: isSame ? before.imageTag : command.previous_digest.slice(7, 19) };
}

/**
 * Before anything is fetched, started or stopped: the release this deploy would go back to is here, every byte of it, or the registry
 * shows all its parts. A deploy without a way back is refused while it still costs nothing. The deploy's record keeps it from pruning.
 */
export async function proveWayBack(
  { store }: Pick<Host, "store">,
  record: Pick<DeployRecord, "command" | "before">,
  signal: AbortSignal,
): Promise<Result<void, { message: string }>> {
  const back = wayBackOf(record);
  if (back === null) return ok(undefined);
  const here = await store.verifyInstalled(back.digest);
  if (here.ok) return ok(undefined);
  const there = await store.canFetch(back.digest, signal);
  if (there.ok) return ok(undefined);
  return err({
    message: `the release to go back to (${back.digest}) can neither be found here nor fetched: ${here.error.message}; ${there.error.message}`,
  });
}
