import { type TestDatabase, createTestDatabase, getTask, requestCancel } from "@valet/db";
import { Secret, leaseTimes } from "@valet/shared";
import { Webhook } from "standardwebhooks";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type FakeHttp, type FakeRequest, startFakeHttp } from "../sandbox/testing/fake-http.ts";
import { startControlProcess } from "./testing/control-process.ts";
import { eventually, makeFleet, openAttempts, submit } from "./testing/fleet.ts";
import { webhookSecret } from "./webhook.ts";

const times = leaseTimes(6_000);
const sealKey = new Secret(Buffer.alloc(32, 7).toString("base64"));
const cleanUps: (() => Promise<unknown> | void)[] = [];
let test: TestDatabase;
let receiver: FakeHttp;
let received: FakeRequest[];
let failures: number;

beforeEach(async () => {
  received = [];
  failures = 0;
  test = await createTestDatabase();
  receiver = await startFakeHttp(async (request) => {
    received.push(request);
    failures -= 1;
    return { status: failures >= 0 ? 500 : 200, body: {} };
  });
});
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
  await receiver.stop();
  await test.drop();
});

async function startControl(allowed: string): Promise<{ output: string[] }> {
  const control = startControlProcess(test.url, times.leaseMs, { VALET_ALLOWED_PRIVATE_HOSTS: allowed });
  cleanUps.push(control.kill);
  await control.started;
  return control;
}
const hostOf = (url: string) => new URL(url).host;

describe("task webhooks", { timeout: 90_000 }, () => {
  it("tells a client how its task ended, signed for its tenant, again after a failure with the same id", async () => {
    failures = 1;
    await startControl(hostOf(receiver.url));
    const task = await submit(test.db, { webhookUrl: `${receiver.url}/hook`, metadata: { order: "7" } });
    await test.db.tx((tx) => requestCancel(tx, task.id, { actor: "client" }));
    await eventually("two calls", async () => received.length === 2);
    const [first, second] = received;
    expect(first?.headers["webhook-id"]).toBe(second?.headers["webhook-id"]);
    const body = new Webhook(webhookSecret(sealKey, "test")).verify(
      second?.bytes.toString() ?? "",
      second?.headers as Record<string, string>,
    );
    expect(body).toMatchObject({ type: "task.cancelled", data: { taskId: task.id, metadata: { order: "7" } } });
  });

  it("does not call a private address that the operator did not allow", async () => {
    const control = await startControl("");
    const task = await submit(test.db, { webhookUrl: `${receiver.url}/hook` });
    await test.db.tx((tx) => requestCancel(tx, task.id, { actor: "client" }));
    await eventually("it is given up", async () => control.output.some((line) => line.includes("webhook_given_up")));
    expect(received).toEqual([]);
  });

  it("F34: a task that goes back to the queue tells nobody anything", async () => {
    const fleet = await makeFleet(test.db, { sandboxes: 1, slots: 1, times });
    cleanUps.push(fleet.stop);
    await startControl(hostOf(receiver.url));
    const task = await submit(test.db, { webhookUrl: `${receiver.url}/hook` });
    await eventually("an attempt", async () => (await openAttempts(test.db)).length === 1);
    await eventually(
      "it went back and was tried again",
      async () => ((await getTask(test.db, task.id))?.fence ?? 0) >= 2,
    );
    const { rows } = await test.db.query("SELECT 1 FROM webhook_outbox");
    expect(rows).toEqual([]);
    expect(received).toEqual([]);
  });
});
