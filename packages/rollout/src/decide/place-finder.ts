export interface PlaceFinder {
  /** Where this id stands; null: nowhere. */
  find(id: string): number | null;
}

/** Of looking further than the next one, in lengths of the list: more than that, and an index is cheaper. */
const patience = 8;

/**
 * Hosts are gone through in the order in which sandboxes stand, so what is asked for is nearly always what was asked for last or soon
 * after it. Only who keeps asking otherwise pays for an index of ten thousand.
 */
export function makePlaceFinder(length: number, idAt: (place: number) => string | undefined): PlaceFinder {
  let place = 0;
  let looked = 0;
  let index: Map<string, number> | null = null;
  const lookOn = (id: string): number | null => {
    for (let step = 1; step < length; step += 1) {
      const where = place + step < length ? place + step : place + step - length;
      if (idAt(where) !== id) continue;
      looked += step;
      return where;
    }
    looked += length;
    return null;
  };
  const indexed = (): Map<string, number> => {
    const made = new Map<string, number>();
    for (let where = 0; where < length; where += 1) made.set(idAt(where) ?? "", where);
    return made;
  };
  return {
    find(id) {
      if (place < length && idAt(place) === id) return place;
      if (looked > patience * length) index ??= indexed();
      const found = index === null ? lookOn(id) : (index.get(id) ?? null);
      if (found !== null) place = found;
      return found;
    },
  };
}
