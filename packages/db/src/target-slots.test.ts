import { testDigest, testReport } from "@valet/shared";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { handOverCandidates } from "./hand-over-candidates.ts";
import { handOverSlots } from "./hand-over.ts";
import { allowRelease } from "./releases.ts";
import { getSandbox, setTargetGeneration } from "./sandboxes.ts";
import { completeAttempt } from "./tasks/complete.ts";
import { makeTestFleet } from "./test-fleet.ts";
import type { TestSandbox } from "./test-fleet.ts";
import { createTestDatabase } from "./testing.ts";
import type { TestDatabase } from "./testing.ts";

let test: TestDatabase;
beforeAll(async () => {
  test = await createTestDatabase();
});
afterAll(() => test.drop());

const owners = async (box: TestSandbox) => (await getSandbox(test.db, box.id))?.slots.map((slot) => slot.generation);

/** Generation 2 shows what it owns, and always has a spare. */
async function showSecond(box: TestSandbox): Promise<void> {
  const owned = (await getSandbox(test.db, box.id))?.slots.filter((slot) => slot.generation === 2) ?? [];
  const slots = owned.map((slot) => ({ index: slot.index, state: "ready" as const }));
  const release = { imageTag: "v2", imageDigest: testDigest("b"), workerBootId: "boot-n" };
  const second = testReport({ generation: 2, ...release, spareReady: true, slots });
  box.generations = [...box.generations.filter((one) => one.generation !== 2), second];
  await box.heartbeat();
}

describe("a target that may have two of four slots", () => {
  it("gets two, by heartbeats, by hand-over and by ends of tasks alike, and the rest once it may have all", async () => {
    const fleet = makeTestFleet(test.db);
    const box = await fleet.addSandbox({ capacity: 4 });
    await allowRelease(test.db, "dev", "ghosthands", { imageDigest: testDigest("b"), reason: "candidate" });
    await fleet.submit();
    const [run] = await fleet.run();
    if (!run) throw new Error("nothing runs");
    expect(await test.db.tx((tx) => setTargetGeneration(tx, box.id, 2, 2))).toBe(true);
    expect(await test.db.tx((tx) => setTargetGeneration(tx, box.id, 2, 2))).toBe(false);
    for (let round = 0; round < 4; round += 1) await showSecond(box);
    expect((await owners(box))?.filter((one) => one === 2)).toHaveLength(2);
    expect(await test.db.tx((tx) => handOverSlots(tx, box.id))).toBe(0);
    expect(await handOverCandidates(test.db)).not.toContain(box.id);
    const { taskId, fence, leaseId } = run;
    await test.db.tx((tx) => completeAttempt(tx, box.id, { taskId, fence, leaseId, status: "completed" }));
    expect((await owners(box))?.filter((one) => one === 2)).toHaveLength(2);
    expect(await test.db.tx((tx) => setTargetGeneration(tx, box.id, 2))).toBe(true);
    expect(await handOverCandidates(test.db)).toContain(box.id);
    for (let round = 0; round < 4; round += 1) await showSecond(box);
    expect(await owners(box)).toEqual([2, 2, 2, 2]);
  });
});
