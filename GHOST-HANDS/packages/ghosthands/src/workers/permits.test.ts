import { expect, it } from "vitest";
import { makePermitDesk } from "./permits.ts";

function desk(permitMs = 5_000) {
  const now = { wallMs: 0, monoMs: 0 };
  const asked: string[] = [];
  const permits = makePermitDesk({
    permitMs,
    clock: { wallMs: () => now.wallMs, monoMs: () => now.monoMs },
    send: ({ askId }) => void asked.push(askId),
  });
  const answer = (askId: string | undefined, more: object = {}) =>
    permits.answer({
      type: "permit",
      job_id: "j",
      step_index: 1,
      ask_id: askId ?? "",
      granted: true,
      reason: null,
      usable_for_ms: 5_000,
      ...more,
    });
  return { now, asked, permits, answer };
}
const never = new AbortController().signal;

it("a permit is usable from the moment it was asked for, by the larger of both clocks", async () => {
  const { now, asked, permits, answer } = desk();
  const asking = permits.ask(1, never);
  now.monoMs = 1_000;
  answer(asked[0]);
  const permit = await asking;
  if (!permit.ok) throw new Error(permit.error);
  now.monoMs = 4_999;
  expect(permit.value.isUsable()).toBe(true);
  now.wallMs = 5_000;
  expect(permit.value.isUsable()).toBe(false);
});

it("never lasts longer than the lease allows, whatever the answer says", async () => {
  const { now, asked, permits, answer } = desk(50);
  const asking = permits.ask(1, never);
  answer(asked[0], { usable_for_ms: 1_000_000 });
  const permit = await asking;
  now.monoMs = 50;
  expect(permit.ok && permit.value.isUsable()).toBe(false);
});

it("an answer that comes too late is of no use: the question is asked anew, under another id", async () => {
  const { now, asked, permits, answer } = desk();
  const asking = permits.ask(1, never);
  now.monoMs = 6_000;
  answer(asked[0]);
  await Promise.resolve();
  await Promise.resolve();
  expect(asked).toHaveLength(2);
  expect(asked[1]).not.toBe(asked[0]);
  answer(asked[0]); // Of the old question: nobody waits for it.
  answer(asked[1]);
  expect((await asking).ok).toBe(true);
});

it("a refusal is final and says why; giving up ends the wait", async () => {
  const { asked, permits, answer } = desk();
  const asking = permits.ask(1, never);
  answer(asked[0], { granted: false, reason: "stale_fence" });
  expect(await asking).toEqual({ ok: false, error: "stale_fence" });
  const abort = new AbortController();
  const given = permits.ask(2, abort.signal);
  abort.abort(new Error("cancelled"));
  await expect(given).rejects.toThrow("cancelled");
});
