import { expect, test } from "vitest";
import { makeLookup } from "./batch.ts";

test("what is asked together is looked up together, each gets its own answer, and a failure is told to those it hit", async () => {
  const runs: string[][] = [];
  const lengthOf = makeLookup(async (words: readonly string[]) => {
    runs.push([...words]);
    if (words.includes("bad")) throw new Error("no such word");
    return words.map((word) => word.length);
  }, 2);
  const answers = await Promise.allSettled(["a", "bb", "bad", "dddd", "ccc"].map((word) => lengthOf(word)));
  expect(runs).toEqual([["a", "bb"], ["bad", "dddd"], ["ccc"]]);
  expect(answers.map((one) => (one.status === "fulfilled" ? one.value : "failed"))).toEqual([
    1,
    2,
    "failed",
    "failed",
    3,
  ]);
  expect(await lengthOf("again")).toBe(5);
});
