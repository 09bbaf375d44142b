import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type TestApi, makeTestApi } from "../testing/test-api.ts";
import { deployReady, sendWebhook } from "../testing/webhook.ts";

let api: TestApi;
beforeAll(async () => {
  api = await makeTestApi();
});
afterAll(() => api.close());
let runId = "";
beforeEach(() => {
  runId = randomUUID();
});
const fresh = (overrides: Record<string, unknown> = {}) => deployReady({ run_id: runId, ...overrides });

describe("a rollback event", () => {
  const rollback = (overrides: Record<string, unknown> = {}) => ({
    event: "ghosthands.rollback",
    image: "registry.example/ghosthands",
    image_tag: "",
    environment: "production",
    repository: "acme/ghost-hands",
    run_id: runId,
    triggered_by: "ann",
    timestamp: new Date().toISOString(),
    ...overrides,
  });

  test("with a tag queues that release at once", async () => {
    const answer = await sendWebhook(api, rollback({ image_tag: "good-1" }));
    expect(answer.json()).toMatchObject({ received: true, image_tag: "good-1", environment: "production" });
    const view = (await api.call({ url: `/api/v1/admin/deploys/${answer.json().deploy_id}` })).json();
    expect(view).toMatchObject({ state: "queued", imageTag: "good-1", stateReason: expect.stringContaining("ann") });
  });

  describe("without a tag", () => {
    const digest = (digit: string) => `sha256:${digit.repeat(64)}`;
    let minute = 0;
    /** A deploy of staging, left by the engine in this state. */
    const left = async (tag: string, digit: string, state: string) => {
      await sendWebhook(api, fresh({ image_tag: tag, image_digest: digest(digit), run_id: randomUUID() }));
      minute += 1;
      await api.db.query(
        `UPDATE deploys SET state = $2, started_at = now() + $3 * interval '1 minute', ended_at = now() + $3 * interval '1 minute',
           previous_tag = 'before-it' WHERE image_tag = $1`,
        [tag, state, minute],
      );
    };
    const send = async () =>
      (
        await sendWebhook(
          api,
          rollback({ environment: "staging", timestamp: new Date().toISOString(), run_id: randomUUID() }),
        )
      ).json();

    test("goes to the last completed release that is not the one running", async () => {
      await api.db.query("UPDATE deploys SET state = 'superseded' WHERE environment = 'staging'");
      await left("good-1", "1", "completed");
      await left("good-2", "2", "completed");
      await left("good-2-again", "2", "completed");
      expect(await send()).toMatchObject({ image_tag: "good-1" });
    });

    test("after a failed deploy goes to the last completed one", async () => {
      await left("bad-3", "3", "failed");
      expect(await send()).toMatchObject({ image_tag: "good-2-again" });
    });

    test("while a deploy is under way tells that one to go back", async () => {
      await left("under-way", "4", "in_progress");
      const answer = await send();
      expect(answer).toMatchObject({ image_tag: "before-it", message: "Rollback to before-it started" });
      const { rows } = await api.db.query(
        "SELECT image_tag AS tag, request->>'verb' AS verb FROM deploys WHERE id = $1",
        [answer.deploy_id],
      );
      expect(rows).toEqual([{ tag: "under-way", verb: "rollback" }]);
    });
  });

  test("without a tag and without any completed release says so", async () => {
    const answer = await sendWebhook(api, rollback({ environment: "dev" }));
    expect(answer.statusCode, answer.body).toBe(422);
    expect(answer.json().details[0].field).toBe("image_tag");
  });
});
