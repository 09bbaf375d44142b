import type { ReleaseCompare, ReleaseFacts } from "@valet/contracts";
import type { ReleaseRecord, ReleaseRow } from "@valet/db";

export function releaseFactsView(release: ReleaseRow, record: ReleaseRecord): ReleaseFacts {
  const { tasks, tasksFailed, p50Ms, p90Ms } = record;
  const lowest = record.deploys.flatMap((deploy) => deploy.minCapacityPct ?? []);
  return {
    imageTag: release.imageTag,
    imageDigest: release.imageDigest,
    deploys: record.deploys.map((deploy) => ({ ...deploy, startedAt: deploy.startedAt?.toISOString() ?? null })),
    rollbacks: record.rollbacks,
    tasksLost: record.deploys.reduce((sum, deploy) => sum + (deploy.tasksLost ?? 0), 0),
    minCapacityPct: lowest.length > 0 ? Math.min(...lowest) : null,
    tasks,
    tasksFailed,
    failureRate: tasks > 0 ? tasksFailed / tasks : null,
    taskDuration: p50Ms === null || p90Ms === null ? null : { p50Ms, p90Ms },
  };
}

export function compareView(from: ReleaseFacts, to: ReleaseFacts): ReleaseCompare {
  return { from, to, differences: differencesOf(from, to) };
}

/** Ratio from which a duration is worth a word. */
const worthRatio = 1.2;

/** For people; of failures only the numbers, since whether they differ by more than chance is the analysis' business. */
function differencesOf(from: ReleaseFacts, to: ReleaseFacts): string[] {
  const said: string[] = [];
  if (from.failureRate !== null && to.failureRate !== null && from.failureRate !== to.failureRate) {
    said.push(`failed: ${rate(from)} on ${from.imageTag}, ${rate(to)} on ${to.imageTag}`);
  }
  if (from.taskDuration && to.taskDuration) {
    const ratio = to.taskDuration.p50Ms / Math.max(1, from.taskDuration.p50Ms);
    if (ratio >= worthRatio || ratio <= 1 / worthRatio) {
      said.push(`half of the tasks take ${Math.round(ratio * 100)} % of the time they took on ${from.imageTag}`);
    }
  }
  for (const one of [from, to]) {
    if (one.tasksLost > 0) said.push(`${one.tasksLost} tasks were lost in deploys of ${one.imageTag}`);
    if (one.rollbacks > 0) said.push(`${one.imageTag} was rolled back ${one.rollbacks} times`);
    if (one.minCapacityPct !== null && one.minCapacityPct < 100) {
      said.push(`capacity fell to ${Math.round(one.minCapacityPct)} % in a deploy of ${one.imageTag}`);
    }
  }
  return said;
}

function rate({ tasksFailed, tasks }: ReleaseFacts): string {
  return `${tasksFailed} of ${tasks} tasks`;
}
