import type { TaskEvent } from "@valet/contracts";
import type { Clock } from "@valet/shared";
import { makeBackoff } from "../backoff.ts";
import { ignoreAbort } from "../bell.ts";
import type { Log } from "../log.ts";
import type { Api } from "./api.ts";
import type { Generations } from "./generations.ts";
import type { ArtifactBytes, ArtifactName } from "./gh-api.ts";
import type { Session } from "./session.ts";

export interface ArtifactDeps {
  api: Api;
  session: Session;
  generations: Pick<Generations, "get" | "live">;
  clock: Clock;
  log: Log;
  signal: AbortSignal;
}

/** The file that an event speaks of; null when it speaks of none. */
export function artifactNameIn(event: Pick<TaskEvent, "type" | "data">): string | null {
  const named = event.data["artifact"] ?? (event.type === "screenshot" ? event.data["name"] : undefined);
  return typeof named === "string" && /^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$/.test(named) ? named : null;
}

/**
 * Takes one file from the host to the API. Resolves when it is stored, or when it is certain that it never will be: the
 * journal behind it must not wait for ever. Gives up on a silent GH api after a minute.
 */
export async function relayArtifact(deps: ArtifactDeps, generation: number | null, file: ArtifactName): Promise<void> {
  const { log, signal } = deps;
  const content = await fetchFrom(deps, generation, file);
  if (!content) {
    if (!signal.aborted) log.warn({ event: "artifact_missing", ...file });
    return;
  }
  const backoff = makeBackoff(100, 5_000);
  while (!signal.aborted) {
    const open = await deps.session.ready();
    const answer = await deps.api.putArtifact({ sessionId: open.id, ...file, ...content });
    if (answer.ok) return;
    const { kind, message } = answer.error;
    if (kind === "replaced") deps.session.replaced(open.id, message);
    if (kind === "refused" || kind === "stale") {
      log.warn({ event: "artifact_refused", ...file, reason: message });
      return;
    }
    await deps.clock.sleep(backoff.next(), signal).catch(ignoreAbort);
  }
}

const giveUpMs = 60_000;

/** The spool folder is shared by all generations of a host: when the own GH api is silent, another one may serve the file. */
async function fetchFrom(
  deps: ArtifactDeps,
  generation: number | null,
  file: ArtifactName,
): Promise<ArtifactBytes | null> {
  const { clock, signal } = deps;
  const backoff = makeBackoff(100, 3_000);
  const endsAtMonoMs = clock.monotonicMs() + giveUpMs;
  while (!signal.aborted && clock.monotonicMs() < endsAtMonoMs) {
    const own = generation === null ? undefined : deps.generations.get(generation);
    const others = deps.generations.live().filter((other) => other.number !== generation);
    for (const { api } of own ? [own, ...others] : others) {
      const answer = await api.artifact(file, signal);
      if (answer.ok) return answer.value;
    }
    await clock.sleep(backoff.next(), signal).catch(ignoreAbort);
  }
  return null;
}
