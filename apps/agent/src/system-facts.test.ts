import { describe, expect, it } from "vitest";
import { makeSystemFacts, parseMemory } from "./system-facts.ts";

/** A host that had read many files: almost nothing free, most of it available. */
const meminfo = `MemTotal:        8000000 kB
MemFree:          400000 kB
MemAvailable:    6320000 kB
Buffers:          200000 kB
Cached:          5800000 kB
`;

describe("what the agent says about its machine", () => {
  it("F48: used memory is what nobody could get: 21 %, where MemFree would make it 95 %", () => {
    const { totalMb, usedMb } = parseMemory(meminfo) ?? { totalMb: 0, usedMb: 0 };
    expect(Math.round((usedMb / totalMb) * 100)).toBe(21);
  });

  it("says nothing about memory that it cannot read", () => {
    expect(parseMemory("MemTotal: lots")).toBeUndefined();
  });

  it("reads this machine", async () => {
    const facts = await makeSystemFacts("/nowhere/at/all", "127.0.0.1")();
    expect(facts.memoryTotalMb).toBeGreaterThan(100);
    expect(facts.memoryUsedMb).toBeLessThanOrEqual(facts.memoryTotalMb);
    expect(facts.diskUsedGb).toBeLessThanOrEqual(facts.diskTotalGb);
    expect(facts).toMatchObject({ activeProfiles: 0, adspowerStatus: "stopped" });
  });
});
