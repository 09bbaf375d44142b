import type { AnalysisConfig } from "./model.ts";

/**
 * The look that is due, from 1, when `tasksPerArm` tasks have ended in each arm and the looks up to `looksDone` were taken;
 * null: none yet. The last look also waits for the window. A look that was overtaken is left out.
 */
export function nextLook(
  config: AnalysisConfig,
  tasksPerArm: number,
  looksDone: number,
  isWindowOver = true,
): number | null {
  const reached = config.looks.filter((look) => look.tasksPerArm <= tasksPerArm).length;
  const due = isWindowOver ? reached : Math.min(reached, config.looks.length - 1);
  return due > looksDone ? due : null;
}

/**
 * What this look may spend on a metric. Looks left out hand their part on to the next one. Bonferroni: all parts add up to
 * alpha at most, and no sum of risks is smaller than the risk of any of them, however the looks depend on each other.
 */
export function alphaOfLook(config: AnalysisConfig, metricShare: number, look: number, looksDone: number): number {
  const shares = config.looks.slice(looksDone, look).reduce((sum, each) => sum + each.share, 0);
  return config.alpha * metricShare * shares;
}
