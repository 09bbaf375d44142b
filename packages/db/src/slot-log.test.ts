import { afterAll, beforeAll, expect, it } from "vitest";
import { completeAttempt } from "./tasks/complete.ts";
import { makeTestFleet } from "./test-fleet.ts";
import { createTestDatabase } from "./testing.ts";
import type { TestDatabase } from "./testing.ts";

let test: TestDatabase;
beforeAll(async () => {
  test = await createTestDatabase();
});
afterAll(() => test.drop());

it("the slot log tells when a slot is taken, free again and out of use, and nothing between", async () => {
  const fleet = makeTestFleet(test.db);
  const box = await fleet.addSandbox({ capacity: 1 });
  await test.db.query("DELETE FROM slot_changes");
  await fleet.submit();
  const [ref] = await fleet.run();
  if (!ref) throw new Error("nothing runs");
  await test.db.tx((tx) => completeAttempt(tx, box.id, { ...ref, status: "completed" }));
  await box.heartbeat();
  await test.db.query("UPDATE slots SET state = 'offline'");
  const { rows } = await test.db.query<{ state: string }>("SELECT state FROM slot_changes ORDER BY id");
  expect(rows.map((row) => row.state)).toEqual(["reserved", "accepting", "offline"]);
});
