import fc from "fast-check";
import { expect, it } from "vitest";
import { makePlaceFinder } from "./place-finder.ts";

it("finds each id where it stands, in whatever order it is asked, and none that is not there", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 12 }),
      fc.array(fc.integer({ min: 0, max: 15 }), { maxLength: 300 }),
      (n, asked) => {
        const ids = Array.from({ length: n }, (_, place) => `id-${place}`);
        const finder = makePlaceFinder(n, (place) => ids[place]);
        for (const one of asked) expect(finder.find(`id-${one}`)).toBe(one < n ? one : null);
      },
    ),
  );
});
