import { type HostState, isLive } from "./host-state.ts";

/**
 * What pruning leaves on disk: current and previous, everything that lives (warm ones too), what a running procedure may still need,
 * and, pinned, the way back that the newest deploy of this host was promised.
 */
export function releasesToKeep({ state }: { state: { value: HostState } }): Set<string> {
  const { current, previous, generations, deploys } = state.value;
  const running = deploys.filter(({ view }) => view.endedAt === null);
  const newest = deploys.findLast(({ kind }) => kind === "deploy");
  return new Set(
    [
      current?.digest,
      previous?.digest,
      newest?.command.previous_digest,
      ...generations.filter(isLive).map(({ desiredDigest }) => desiredDigest),
      ...running.flatMap(({ view, command, before }) => [view.imageDigest, command.previous_digest, before?.digest]),
    ].filter((digest): digest is string => typeof digest === "string"),
  );
}
