import type { Observation } from "../observation.ts";

export interface ObservationFinder {
  /** What was observed of this sandbox; null: it is gone from the database. */
  find(sandboxId: string): Observation | null;
}

/** Of looking further than the next one, in lengths of the fleet: more than that, and an index is cheaper. */
const patience = 8;

/**
 * Rules go through a deploy's hosts in the order in which the sandboxes stand, so what is asked for is nearly always the one asked
 * for last or one soon after it. Only who keeps asking otherwise pays for an index of ten thousand.
 */
export function makeObservationFinder(sandboxes: readonly Observation[]): ObservationFinder {
  const { length } = sandboxes;
  let place = 0;
  let looked = 0;
  let index: Map<string, number> | null = null;
  const lookFrom = (sandboxId: string): number | undefined => {
    for (let step = 1; step < length; step += 1) {
      const where = place + step < length ? place + step : place + step - length;
      if (sandboxes[where]?.facts.sandboxId !== sandboxId) continue;
      looked += step;
      return where;
    }
    looked += length;
    return undefined;
  };
  return {
    find(sandboxId) {
      const last = sandboxes[place];
      if (last?.facts.sandboxId === sandboxId) return last;
      if (looked > patience * length) index ??= new Map(sandboxes.map((one, where) => [one.facts.sandboxId, where]));
      const found = index === null ? lookFrom(sandboxId) : index.get(sandboxId);
      if (found === undefined) return null;
      place = found;
      return sandboxes[found] ?? null;
    },
  };
}
