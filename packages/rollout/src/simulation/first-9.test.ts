import { defaultKnobs } from "@valet/shared";
import { describe, expect, it } from "vitest";
import { simTimes } from "./deploy-rows.ts";
import { drawScript } from "./draw.ts";
import type { Happening, Script } from "./script.ts";
import { simulate } from "./simulate.ts";

interface Line {
  atMs: number;
  text: string;
}

async function told(script: Script): Promise<{ lines: Line[]; violations: unknown[] }> {
  const lines: Line[] = [];
  const { violations } = await simulate(script, {
    onLine: (atMs, who, what) => void lines.push({ atMs, text: `${who}: ${what}` }),
  });
  return { lines, violations };
}

const deploy = (tag: string, atMs: number): Happening => ({
  ...{ kind: "new-deploy" as const, atMs, tag, awaits: "nothing" as const },
  knobs: { ...defaultKnobs(), ...simTimes, maxParallel: "100%", rollbackWindowMs: 10_000 },
});

/** v2 adds the new shape and no longer needs the old one, v3 takes it away, while a task of v1 goes on for 50 s on host-02. */
function expandThenContract(): Script {
  const plain = { behaviour: "good" as const, fetchMs: 500, bootMs: 500 };
  const steps = [{ forMs: 50_000, write: false }];
  return {
    ...{ version: 1, seed: 9, environment: "production", controllerTickMs: 1000, leaseMs: 60_000 },
    ...{ slowObservations: 0, calmAtMs: 130_000 },
    hosts: ["host-01", "host-02", "host-03"].map((name) => ({ name, slots: 1 })),
    releases: [
      { tag: "v1", ...plain, needs: "old" },
      { tag: "v2", ...plain, needs: "new", migration: "expand" },
      { tag: "v3", ...plain, needs: "new", migration: "contract" },
    ],
    happenings: [
      ...[1, 2, 3].map((n): Happening => ({
        ...{ kind: "submit-tasks" as const, atMs: 2_000 },
        tasks: [{ id: `task-${n}`, restart: "review" as const, steps }],
      })),
      deploy("v2", 6_000),
      deploy("v3", 12_000),
    ],
  };
}

describe("first 9: release contract across hosts and database", () => {
  it("first 9: the contract migration runs only after the last old generation, draining or warm, has ended", async () => {
    const { lines, violations } = await told(expandThenContract());
    expect(violations).toEqual([]);
    const at = (part: string): number[] => lines.filter(({ text }) => text.includes(part)).map(({ atMs }) => atMs);
    const [lost = Number.NaN] = at("loses the old shape");
    const ends = at("ends generation 1 ");
    expect(ends).toHaveLength(3);
    expect(lost).toBeGreaterThan(Math.max(...ends));
    // Its task ended at 52 s at the earliest, and its generation stayed warm for 10 s more.
    expect(lost).toBeGreaterThan(60_000);
    expect(at("gets the new shape")[0]).toBeLessThan(12_000);
    expect(at("-> completed")).toHaveLength(2);
  });

  it("first 9: over many stories with faults it waits, runs in the end, and never before the last who needs the old shape", async () => {
    const seeds = Array.from({ length: 400 }, (_, place) => drawScript(place + 1)).filter((script) =>
      script.releases.some((one) => one.migration === "contract"),
    );
    expect(seeds.length).toBeGreaterThan(80);
    let [ran, expanded] = [0, 0];
    for (const script of seeds.slice(0, 80)) {
      const { lines, violations } = await told(script);
      expect(violations, `seed ${script.seed}`).toEqual([]);
      if (lines.some(({ text }) => text.includes("gets the new shape"))) expanded += 1;
      if (lines.some(({ text }) => text.includes("loses the old shape"))) ran += 1;
    }
    expect(expanded).toBeGreaterThan(50);
    expect(ran).toBeGreaterThan(8);
  }, 120_000);
});
