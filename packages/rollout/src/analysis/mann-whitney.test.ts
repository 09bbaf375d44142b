import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { mannWhitneyOneSided, normalAbove } from "./mann-whitney.ts";

const sevenOfTen = [...Array<number>(7).fill(100), 1, 1, 1];

describe("Mann and Whitney's rank test", () => {
  it("gives the values its books print", () => {
    // Hollander and Wolfe 1973, permeability of the placenta: W 35, one-sided p 0.1272.
    const atTerm = [0.8, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46];
    const early = [1.15, 0.88, 0.9, 0.74, 1.21];
    expect(mannWhitneyOneSided(atTerm, early)).toBeCloseTo(0.1272, 4);
    // Age at which diabetes was diagnosed, 5 men and 4 women: U 17, 7 in 126.
    expect(mannWhitneyOneSided([19, 22, 16, 29, 24], [20, 11, 17, 12])).toBeCloseTo(7 / 126, 14);
  });

  it("is exact with ties: 7 of 10 points at 100 against 1 are 120 in 77,520", () => {
    expect(mannWhitneyOneSided(sevenOfTen, Array<number>(10).fill(1))).toBeCloseTo(120 / 77_520, 14);
    expect(mannWhitneyOneSided([1, 1], [1, 1])).toBe(1);
  });

  it("asks about higher values only", () => {
    expect(mannWhitneyOneSided(Array<number>(10).fill(1), sevenOfTen)).toBeGreaterThan(0.9);
  });

  it("is the share of all ways to deal the values out, ties or not", () => {
    const values = fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(values, values, (canary, control) => {
        expect(mannWhitneyOneSided(canary, control)).toBeCloseTo(dealtOut(canary, control), 12);
      }),
      { seed: 5, numRuns: 200 },
    );
  });

  it("only falls when a canary value grows, where no two are equal", () => {
    const values = fc.uniqueArray(fc.integer({ min: 0, max: 999 }), { minLength: 2, maxLength: 40 });
    fc.assert(
      fc.property(values, fc.integer({ min: 1, max: 1_000 }), (all, more) => {
        const half = Math.ceil(all.length / 2);
        const [first = 0, ...rest] = all.slice(0, half);
        const control = all.slice(half);
        const p = mannWhitneyOneSided([first, ...rest], control);
        expect(mannWhitneyOneSided([first + more + 0.5, ...rest], control)).toBeLessThanOrEqual(p + 1e-12);
      }),
      { seed: 6, numRuns: 200 },
    );
  });

  it("uses the normal curve, corrected for ties, for larger arms, and close to the exact value where they meet", () => {
    const canary = Array.from({ length: 100 }, (_, index) => index % 7);
    const control = Array.from({ length: 90 }, (_, index) => (index * 3) % 6);
    expect(mannWhitneyOneSided(canary, control)).toBeCloseTo(1.7223289938443e-7, 12);
    const spread = (count: number, shift: number): number[] =>
      Array.from({ length: count }, (_, index) => ((index * 37) % 101) + shift);
    const exact = mannWhitneyOneSided(spread(30, 9), spread(70, 0));
    const normal = mannWhitneyOneSided(spread(30, 9), spread(71, 0));
    expect(Math.abs(exact - normal)).toBeLessThan(0.01);
    expect(normalAbove(1.959963985)).toBeCloseTo(0.025, 7);
  });

  it("takes a hundred thousand values, and a full count, without counting them one against the other", () => {
    const many = Array.from({ length: 100_000 }, (_, index) => (index * 7919) % 100_003);
    const startedAt = performance.now();
    expect(mannWhitneyOneSided(many.slice(0, 20_000), many.slice(20_000))).toBeGreaterThan(0.1);
    expect(mannWhitneyOneSided(many.slice(0, 20), many.slice(20, 150))).toBeGreaterThan(0);
    expect(performance.now() - startedAt).toBeLessThan(10_000);
  });
});

/** By the definition: every way to choose which of the values are the canary's. */
function dealtOut(canary: number[], control: number[]): number {
  const all = [...canary, ...control];
  const wins = (mine: number[], others: number[]): number =>
    mine.reduce((sum, a) => sum + others.reduce((own, b) => own + (a > b ? 1 : a === b ? 0.5 : 0), 0), 0);
  const seen = wins(canary, control);
  let [tail, ways] = [0, 0];
  for (let chosen = 0; chosen < 2 ** all.length; chosen++) {
    const mine = all.filter((_, index) => (chosen >> index) & 1);
    if (mine.length !== canary.length) continue;
    ways++;
    if (
      wins(
        mine,
        all.filter((_, index) => !((chosen >> index) & 1)),
      ) >= seen
    )
      tail++;
  }
  return tail / ways;
}
