import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { makeRunningWorld } from "../testing/world.ts";
import { recordingStore } from "./recording-store.ts";
import { replay } from "./replay.ts";

const names = ["a", "b", "c"];

/** A rollout with trouble on the way, every save of which is journalled. */
async function journalled(steps: readonly number[], order: "start-first" | "stop-first") {
  const world = await makeRunningWorld(names);
  const store = recordingStore(world.store);
  world.reconcile = world.restartEngine(store);
  world.addDeploy("second", "v2", {
    order,
    maxParallel: 2,
    maxUnavailable: 1,
    minHealthyMs: 1000,
    drainTimeoutMs: 3000,
  });
  for (const [index, step] of steps.entries()) {
    const name = names[step % names.length] ?? "a";
    const verb = (["pause", "resume", "abort", "rollback", "resume"] as const)[step % 5] ?? "pause";
    if (step < 20) await world.tick();
    else if (step < 25) world.host(name).restart();
    else if (step < 28) world.cutOff(name, true);
    else if (step < 32) world.comeBack(name);
    else if (world.deploy("second").request === null) {
      world.store.request("second", { kind: verb, actor: `op-${index}`, reason: "", toDigest: null, toTag: null });
    }
  }
  return { world, store };
}

describe("a deploy's journal", () => {
  it("replays into the same document at each revision, whatever happened", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 0, max: 36 }), { minLength: 5, maxLength: 60 }),
        fc.constantFrom("start-first" as const, "stop-first" as const),
        async (steps, order) => {
          const { world, store } = await journalled(steps, order);
          const entries = store.journals.get("second") ?? [];
          const { documents, differs } = replay(entries);
          expect(differs).toBeNull();
          const last = documents.at(-1);
          const now = world.deploy("second");
          // A wish that nobody has taken up yet is not in the journal.
          if (last && now.request === null) expect(last).toEqual(now);
        },
      ),
      { numRuns: 60, seed: 20_261_123 },
    );
  });

  it("notices a journal that decides otherwise today", async () => {
    const { store } = await journalled(
      Array.from({ length: 30 }, () => 1),
      "start-first",
    );
    const entries = [...(store.journals.get("second") ?? [])];
    expect(entries.length).toBeGreaterThan(3);
    const third = entries[2];
    if (!third) throw new Error("no third entry");
    entries[2] = { ...third, nowMs: third.nowMs + 5_000 };
    expect(replay(entries).differs).toMatchObject({ revision: third.revision });
  });

  it("says of ten thousand hosts only what moved since the save before", async () => {
    const { store } = await journalled(
      Array.from({ length: 30 }, () => 1),
      "start-first",
    );
    const [first, second] = store.journals.get("second") ?? [];
    expect(Object.keys(first?.input.observations.sandboxes ?? {})).toHaveLength(3);
    expect(Object.keys(second?.input.observations.sandboxes ?? {}).length).toBeLessThan(3);
    expect(second?.input.hosts).toBeUndefined();
    expect(second?.input.head).toEqual({});
  });
});
