import { beforeAll, describe, expect, it } from "vitest";
import { tell } from "./shrink.ts";
import { sweep, type Sweep } from "./sweep.ts";

const isFull = process.env.VALET_SWEEP === "full";
const count = isFull ? 10_000 : 150;
const limitMs = isFull ? 3_600_000 : 170_000;

/** Deeds without which agreement would mean little: each guard refused somebody, each rule of expiry and hand-over was at work. */
const needed = [
  "acknowledge: stale_fence",
  "attempt: completed",
  "attempt: failed",
  "attempt: interrupted",
  "attempt: lost",
  "attempt: timed_out",
  "attempt: unacknowledged",
  "events: stale",
  "expireLeases: expired",
  "expireLeases: held for grace",
  "expireLeases: held for mass_expiry",
  "expireQueued: ids",
  "expireUnacknowledged: quarantined",
  "expireUnacknowledged: requeued",
  "handOver: 1",
  "heartbeat: cancel",
  "heartbeat: lost",
  "heartbeat: renewed",
  "permit: cancel_requested",
  "permit: lease_expired",
  "permit: stale_fence",
  "reserve: reservations",
  "submit: idempotency_conflict",
  "submit: replayed",
  "task: needs_review",
  "uncordon: true",
];
const neededInFull = ["heartbeat: session_closed", "permit: used_up", "permit: wrong_boot", "task: needs_human"];

describe("the memory task store and Postgres", () => {
  let swept: Sweep;
  beforeAll(async () => {
    swept = await sweep({ first: 1, count, length: 30, lanes: isFull ? 2 : 1 });
    const perSecond = (swept.sequences / swept.seconds).toFixed(1);
    console.log(`${swept.sequences} sequences, ${swept.commands} commands, ${perSecond} sequences a second`);
  }, limitMs);

  it(`answer the same, and hold the same, through ${count} random command sequences`, () => {
    expect(swept.failure && tell(swept.failure)).toBeUndefined();
    expect(swept.sequences).toBe(count);
  });

  it("are asked for everything that may go otherwise", () => {
    const missing = [...needed, ...(isFull ? neededInFull : [])].filter((deed) => !swept.deeds.has(deed));
    expect(missing).toEqual([]);
  });
});
