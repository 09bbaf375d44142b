import { type TestDatabase, createTestDatabase } from "@valet/db";
import { afterAll, beforeAll, expect, test } from "vitest";
import { makeBatch } from "./batch.ts";
import { makeGroupCommit } from "./group-commit.ts";

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

test("what arrives together shares transactions, and each gets its own answer", async () => {
  const groups: number[] = [];
  const double = makeGroupCommit(database.db, async (tx, inputs: readonly number[]) => {
    groups.push(inputs.length);
    await tx.query("SELECT 1");
    return inputs.map((input) => input * 2);
  });
  const answers = await Promise.all(Array.from({ length: 100 }, (_, index) => double(index)));
  expect(answers).toEqual(Array.from({ length: 100 }, (_, index) => index * 2));
  expect(groups.length).toBeLessThan(10);
});

test("one bad request fails alone", async () => {
  const invert = makeGroupCommit(database.db, async (tx, inputs: readonly number[]) => {
    const { rows } = await tx.query<{ value: number }>("SELECT 12 / x AS value FROM unnest($1::int[]) AS x", [inputs]);
    return rows.map((row) => row.value);
  });
  const answers = await Promise.allSettled([1, 2, 0, 3].map((input) => invert(input)));
  expect(answers.map((answer) => (answer.status === "fulfilled" ? answer.value : "failed"))).toEqual([
    12,
    6,
    "failed",
    4,
  ]);
});

test("when the connection is lost nothing is tried again: it may have been committed", async () => {
  let runs = 0;
  const count = makeGroupCommit(database.db, async (_tx, inputs: readonly number[]) => {
    runs += 1;
    if (inputs.length > 0) throw new Error("Connection terminated unexpectedly");
    return [];
  });
  const answers = await Promise.allSettled([1, 2, 3].map((input) => count(input)));
  expect(answers.every((answer) => answer.status === "rejected")).toBe(true);
  expect(runs).toBe(1);
});

test("a batch runs one at a time, forgets repeats and survives an error", async () => {
  const seen: string[][] = [];
  const errors: unknown[] = [];
  const batch = makeBatch<string>(
    async (keys) => {
      seen.push([...keys]);
      if (keys.includes("bad")) throw new Error("bad");
    },
    (error) => errors.push(error),
  );
  for (const key of ["a", "b", "a", "bad"]) batch.add(key);
  await batch.settled();
  batch.add("c");
  await batch.settled();
  expect(seen).toEqual([["a", "b", "bad"], ["c"]]);
  expect(errors).toHaveLength(1);
});
