import { describe, expect, it } from "vitest";
import { coverageOf } from "./coverage.ts";
import { drawScript } from "./draw.ts";
import { scriptSchema } from "./script.ts";
import { sweep } from "./sweep.ts";
import { lineOf, storyHash } from "./story.ts";

describe("the simulator", () => {
  it("keeps every law over 150 seeds, and meets most pairs of state and fault on the way", async () => {
    const swept = await sweep({ from: 1, count: 150 });
    expect(swept.failed).toEqual([]);
    expect(swept.seeds).toBe(150);
    expect(coverageOf(new Set(swept.pairs)).share).toBeGreaterThan(0.5);
  }, 120_000);

  it("tells the same story for the same seed, line for line, and another for another", async () => {
    const [first, again, other] = [
      await storyHash(drawScript(7)),
      await storyHash(drawScript(7)),
      await storyHash(drawScript(8)),
    ];
    expect(again).toBe(first);
    expect(other).not.toBe(first);
  });

  it("draws scripts that its own schema takes, so that each can be saved and replayed", async () => {
    for (let seed = 1; seed <= 50; seed += 1) {
      const script = drawScript(seed);
      expect(scriptSchema.parse(JSON.parse(JSON.stringify(script)))).toEqual(script);
    }
    const script = drawScript(11);
    const replayed = scriptSchema.parse(JSON.parse(JSON.stringify(script)));
    expect(await storyHash(replayed)).toBe(await storyHash(script));
  });

  it("takes as many hosts as it is asked for", () => {
    expect(drawScript(3, { hosts: 20 }).hosts).toHaveLength(20);
  });

  it("writes a line that people can read", () => {
    const line = lineOf(12_345, "host-01", `runs sha256:${"ab".repeat(32)}`);
    expect(line).toBe("   12.345  host-01    runs sha256:abababab…");
  });
});
