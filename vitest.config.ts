import { defineConfig } from "vitest/config";

/** `unit`: beside the code. `system`: tests/ with real processes, a real browser and real servers: mostly waiting, so two files at a time. */
export default defineConfig({
  resolve: { conditions: ["source"] },
  ssr: { resolve: { conditions: ["source"] } },
  test: {
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
          maxWorkers: 2,
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
      {
        extends: true,
        test: {
          name: "system",
          include: ["tests/**/*.test.ts"],
          maxWorkers: 2,
          testTimeout: 180_000,
          hookTimeout: 180_000,
        },
      },
    ],
  },
});
