import { makeFakeClock } from "@valet/shared";
import { describe, expect, it } from "vitest";
import { keys, type Key } from "../query-keys.ts";
import { makeRefresher } from "./refresher.ts";

function watch() {
  const clock = makeFakeClock();
  const reloads: Key[] = [];
  const loading = new Set<string>();
  const target = {
    isLoading: (key: Key) => loading.has(JSON.stringify(key)),
    reload: (key: Key) => void reloads.push(key),
  };
  return { clock, reloads, loading, refresher: makeRefresher(target, clock, 400) };
}

describe("the refresher", () => {
  it("makes one reload of a thousand events", async () => {
    const { clock, reloads, refresher } = watch();
    for (let event = 0; event < 1_000; event += 1) refresher.mark([keys.tasks, keys.sandboxes]);
    await clock.advance(400);
    expect(reloads).toEqual([keys.tasks, keys.sandboxes]);
  });

  it("reloads again what changed while it was loading, but not before that answer is in", async () => {
    const { clock, reloads, loading, refresher } = watch();
    loading.add(JSON.stringify(keys.tasks));
    refresher.mark([keys.tasks]);
    await clock.advance(400);
    expect(reloads).toEqual([]);
    loading.clear();
    await clock.advance(400);
    expect(reloads).toEqual([keys.tasks]);
    await clock.advance(4_000);
    expect(reloads).toHaveLength(1);
  });

  it("does nothing any more once it is stopped", async () => {
    const { clock, reloads, refresher } = watch();
    refresher.mark([keys.tasks]);
    refresher.stop();
    refresher.mark([keys.deploys]);
    await clock.advance(2_000);
    expect(reloads).toEqual([]);
  });
});
