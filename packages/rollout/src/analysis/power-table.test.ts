import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { detectionOdds } from "../testing/detection.ts";
import { defaultAnalysisConfig as shipped } from "./model.ts";
import { alphaOfLook } from "./schedule.ts";

const page = readFileSync(join(import.meta.dirname, "..", "..", "..", "..", "docs", "analysis.md"), "utf8");
/** Cells without the spaces that the formatter lines them up with. */
const text = page.replace(/ +\|/g, " |").replace(/\| +/g, "| ");

/** Tasks ended in each arm at the last look: the deadline came early, as shipped, and a busy service within its window. */
const atLastLook = [10, 20, 50];
const changes = [
  [0.05, 0.05],
  [0.2, 0.2],
  [0.05, 0.2],
  [0.05, 0.3],
  [0.05, 0.5],
  [0.01, 0.2],
  [0.2, 0.6],
] as const;

describe("docs/analysis.md", () => {
  it("states the looks that are shipped, with what each may spend", () => {
    const { failureRate, durationMs } = shipped.metrics;
    const spent = (share: number, look: number): string =>
      Number((alphaOfLook(shipped, share, look, look - 1) * 100).toFixed(4)).toString();
    const rows = shipped.looks.map(({ tasksPerArm }, index) => {
      const look = index + 1;
      return `| ${look} | ${tasksPerArm} | ${spent(failureRate?.share ?? 0, look)} % | ${spent(durationMs?.share ?? 0, look)} % |`;
    });
    expect(text).toContain(rows.join("\n"));
  });

  it("states the odds as they are, every course of the tasks added up", () => {
    const percent = (odds: number): string => `${(odds * 100).toFixed(1)} %`;
    const rows = changes.map(([control, canary]) => {
      const odds = atLastLook.map((last) => {
        const sizes = [5, 10, last].map((size) => ({ canary: size, control: size }));
        return percent(detectionOdds(shipped, sizes, { canary, control }));
      });
      return `| ${control * 100} % → ${canary * 100} % | ${odds.join(" | ")} |`;
    });
    expect(text).toContain(rows.join("\n"));
  });
});
