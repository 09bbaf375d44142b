import { expect, it } from "vitest";
import { replayRollout, type ReplayedRollout } from "./replay-rollout.ts";

const rollouts = 200;

it("first 10: honest plan: of 200 rollouts, 85–95 % end within the p90 that their plan promised", async () => {
  const outcomes: ReplayedRollout[] = [];
  for (let seed = 1; seed <= rollouts; seed += 1) outcomes.push(await replayRollout(seed));
  const within = (clock: "newWork" | "lastOld") =>
    outcomes.filter((one) => one[clock].actual <= one[clock].p90).length / rollouts;
  const told = { newWork: within("newWork"), lastOld: within("lastOld") };
  expect(told.newWork, JSON.stringify(told)).toBeGreaterThanOrEqual(0.85);
  expect(told.newWork, JSON.stringify(told)).toBeLessThanOrEqual(0.95);
  expect(told.lastOld, JSON.stringify(told)).toBeGreaterThanOrEqual(0.85);
  expect(told.lastOld, JSON.stringify(told)).toBeLessThanOrEqual(0.95);
}, 120_000);
