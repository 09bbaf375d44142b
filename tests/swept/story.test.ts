import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { runChild } from "../../tools/run-child.mjs";

/** The whole of `npm start -- --once`, as a newcomer runs it; minutes each, so `npm run test:full` alone has them. */
const root = dirname(dirname(import.meta.dirname));
const longestMs = 900_000;
const startupLimitMs = 20_000;
const summarySchema = z.object({ tasksLost: z.number(), tasksRunTwice: z.number(), startupMs: z.number() });

let data: string;
beforeEach(() => {
  data = mkdtempSync(join(tmpdir(), "valet-story-"));
});
afterEach(() => rmSync(data, { recursive: true, force: true }));

async function tell(...args: string[]) {
  const { status, stdout } = await runChild(
    process.execPath,
    ["tools/bootstrap.mjs", "start", "--once", "--json", "--data", data, ...args],
    { cwd: root, stdio: ["ignore", "pipe", "ignore"], timeoutMs: longestMs },
  );
  const last = stdout.trim().split("\n").at(-1) ?? "";
  return { status, summary: summarySchema.parse(JSON.parse(last)), last };
}

describe("the story", () => {
  it.each([[[]], [["--strategy", "canary"]], [["--strategy", "blue-green"]]])(
    "keeps its promises with %j",
    async (args) => {
      const { status, summary, last } = await tell(...args);
      expect([status, summary.tasksLost, summary.tasksRunTwice], last).toEqual([0, 0, 0]);
      expect(summary.startupMs).toBeLessThanOrEqual(startupLimitMs);
    },
    longestMs,
  );

  it.each([["no-cordon"], ["no-fence"]])(
    "ends with 1 under --sabotage %s",
    async (sabotage) => {
      const { status, summary, last } = await tell("--sabotage", sabotage);
      expect(status, last).toBe(1);
      expect(summary.tasksLost + summary.tasksRunTwice, last).toBeGreaterThan(0);
    },
    longestMs,
  );
});
