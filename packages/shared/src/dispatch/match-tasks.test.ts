import { describe, expect, it } from "vitest";
import { inTurn, matchTasks, placeableClasses } from "./match-tasks.ts";
import { placementText } from "./placement.ts";
import type { EligibleSandbox, QueueClass, QueueHead } from "./queue.ts";

const head = (taskId: string, change: Partial<QueueHead> = {}): QueueHead => ({
  taskId,
  tenantId: "t",
  environment: "dev",
  key: "",
  fence: 0,
  avoid: [],
  queueKey: 0,
  lastServed: 0,
  ...change,
});
const anywhere: QueueClass = { environment: "dev", key: "", labels: {} };
const box = (id: string, slots: number, labels: Record<string, string> = {}): EligibleSandbox => ({
  id,
  environment: "dev",
  labels,
  planRevision: 1,
  freeSlots: Array.from({ length: slots }, (_, index) => ({ index, generation: 1 })),
});
const placesOf = (matches: ReturnType<typeof matchTasks>) =>
  matches.map((one) => `${one.head.taskId}@${one.sandboxId}`);

describe("the order of turns", () => {
  it("goes round the tenants, the one served longest ago first, each one's oldest first", () => {
    const heads = [
      head("a2", { tenantId: "a", queueKey: 2, lastServed: 5 }),
      head("a1", { tenantId: "a", queueKey: 1, lastServed: 5 }),
      head("b1", { tenantId: "b", queueKey: 9, lastServed: 1 }),
    ];
    expect(inTurn(heads).map((one) => one.taskId)).toEqual(["b1", "a1", "a2"]);
  });

  it("is the same whatever order equal ones come in", () => {
    const heads = [head("x"), head("y"), head("z", { tenantId: "s" })];
    expect(inTurn(heads)).toEqual(inTurn(heads.toReversed()));
  });
});

describe("the slot a task gets", () => {
  const always = () => true;
  it("is on the emptiest sandbox it fits, of equals on the one with the smallest id", () => {
    const sandboxes = [box("c", 1), box("b", 2), box("a", 1)];
    const heads = [head("1"), head("2"), head("3"), head("4"), head("5")];
    expect(placesOf(matchTasks(heads, [anywhere], sandboxes, always))).toEqual(["1@b", "2@a", "3@b", "4@c"]);
  });

  it("is not where the task failed, unless it could never go elsewhere", () => {
    const heads = [head("1", { avoid: ["a"] })];
    expect(placesOf(matchTasks(heads, [anywhere], [box("a", 1)], always))).toEqual([]);
    expect(placesOf(matchTasks(heads, [anywhere], [box("a", 1)], () => false))).toEqual(["1@a"]);
  });
});

it("a crowd of classes that fit nowhere hides none that does: keys are made from the sandboxes", () => {
  const gpu = { labels: { gpu: "yes" } };
  const found = placeableClasses([], false, [box("a", 1, { gpu: "yes" })], placementText);
  expect(found.map((one) => one.key)).toContain(placementText(gpu));
  expect(
    placeableClasses([{ ...anywhere, ...gpu, key: placementText(gpu) }], true, [box("a", 1)], placementText),
  ).toEqual([]);
});
