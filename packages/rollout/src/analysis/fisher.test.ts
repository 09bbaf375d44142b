import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fisherOneSided } from "./fisher.ts";

describe("Fisher's exact test", () => {
  it("gives the values its books print", () => {
    // Fisher's lady tasting tea: 3 of 4 guessed right, 17 in 70.
    expect(fisherOneSided({ bad: 3, n: 4 }, { bad: 1, n: 4 })).toBeCloseTo(17 / 70, 14);
    // Fisher 1962, convicted twins of convicts: 10 of 13 monozygotic against 2 of 17 dizygotic.
    expect(fisherOneSided({ bad: 10, n: 13 }, { bad: 2, n: 17 })).toBeCloseTo(0.000465, 6);
    expect(fisherOneSided({ bad: 5, n: 5 }, { bad: 0, n: 5 })).toBeCloseTo(1 / 252, 14);
    expect(fisherOneSided({ bad: 1, n: 3 }, { bad: 0, n: 200 })).toBeCloseTo(3 / 203, 14);
  });

  it("asks about a worse canary only: a better one is no evidence", () => {
    expect(fisherOneSided({ bad: 0, n: 20 }, { bad: 10, n: 20 })).toBe(1);
    expect(fisherOneSided({ bad: 10, n: 20 }, { bad: 0, n: 20 })).toBeLessThan(0.001);
    expect(fisherOneSided({ bad: 0, n: 20 }, { bad: 0, n: 20 })).toBe(1);
    expect(fisherOneSided({ bad: 20, n: 20 }, { bad: 20, n: 20 })).toBe(1);
  });

  it("is the share of whole tables, counted in whole numbers", () => {
    fc.assert(
      fc.property(countArb, countArb, (canary, control) => {
        expect(fisherOneSided(canary, control)).toBeCloseTo(counted(canary, control), 12);
      }),
      { seed: 3, numRuns: 300 },
    );
  });

  it("only falls with each further bad canary task, and only rises with each in the control", () => {
    fc.assert(
      fc.property(countArb, countArb, (canary, control) => {
        const p = fisherOneSided(canary, control);
        expect(fisherOneSided({ ...canary, bad: Math.max(0, canary.bad - 1) }, control)).toBeGreaterThanOrEqual(
          p - 1e-12,
        );
        expect(fisherOneSided(canary, { ...control, bad: Math.max(0, control.bad - 1) })).toBeLessThanOrEqual(
          p + 1e-12,
        );
      }),
      { seed: 4, numRuns: 300 },
    );
  });

  it("counts a million tasks at once, and loses nothing", () => {
    const startedAt = performance.now();
    expect(fisherOneSided({ bad: 500, n: 10_000 }, { bad: 45_000, n: 1_000_000 })).toBeCloseTo(0.009572907401, 10);
    expect(fisherOneSided({ bad: 50_000, n: 100_000 }, { bad: 0, n: 1_000_000 })).toBe(0);
    expect(performance.now() - startedAt).toBeLessThan(5_000);
  });
});

const countArb = fc
  .integer({ min: 1, max: 60 })
  .chain((n) => fc.record({ bad: fc.integer({ min: 0, max: n }), n: fc.constant(n) }));

/** The same by the definition, in whole numbers. */
function counted(canary: { bad: number; n: number }, control: { bad: number; n: number }): number {
  const bad = canary.bad + control.bad;
  const tables = (of: number): bigint => choose(canary.n, of) * choose(control.n, bad - of);
  let [tail, all] = [0n, 0n];
  for (let of = 0; of <= bad; of++) {
    all += tables(of);
    if (of >= canary.bad) tail += tables(of);
  }
  return Number((tail * 10n ** 18n) / all) / 1e18;
}

function choose(n: number, k: number): bigint {
  if (k < 0 || k > n) return 0n;
  let ways = 1n;
  for (let i = 1; i <= k; i++) ways = (ways * BigInt(n - k + i)) / BigInt(i);
  return ways;
}
