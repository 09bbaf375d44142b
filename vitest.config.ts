import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** What takes longest begins first, or the last file would run alone at the end: a fresh clone remembers no durations. */
const longest = [
  "story",
  "kill-each-process",
  "one-outcome",
  "fenced-runs",
  "attested-success",
  "slot-hand-over",
  "direct-deploy",
  "dashboard-canary",
  "dashboard-rollout",
  "never-silently-twice",
  "fenced-generations",
  "control-crash-points",
  "start-first",
  "control-worker",
  "sandbox-worker",
  "first-5",
  "first-10",
];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification) => {
      const at = longest.findIndex((name) => moduleId.endsWith(`/${name}.test.ts`));
      return at === -1 ? longest.length : at;
    };
    return (await super.sort(files)).sort((a, b) => place(a) - place(b));
  }
}

/** `unit`: beside the code. `system`: tests/ with real processes, a real browser and real servers: mostly waiting, so two files at a time. */
export default defineConfig({
  resolve: { conditions: ["source"] },
  ssr: { resolve: { conditions: ["source"] } },
  test: {
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          include: [
            "apps/*/src/**/*.test.{ts,tsx}",
            "packages/*/src/**/*.test.{ts,tsx}",
            "GHOST-HANDS/packages/*/src/**/*.test.ts",
            "tools/**/*.test.ts",
          ],
          maxWorkers: 3,
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
      {
        extends: true,
        test: {
          name: "system",
          include: ["tests/**/*.test.ts"],
          // Minutes each: swept, not sampled.
          exclude: process.env.VALET_SWEEP === "full" ? [] : ["tests/swept/**"],
          maxWorkers: 2,
          testTimeout: 180_000,
          hookTimeout: 180_000,
        },
      },
    ],
  },
});
