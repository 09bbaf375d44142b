import { readFileSync } from "node:fs";
import { minCapacityPct } from "@valet/db";
import type { DeployView } from "@valet/contracts";
import { z } from "zod";
import type { Stack } from "../local-stack/stack.ts";

/** What the story promises and shows; recomputed at the end from the form server's log and the database alone. */
export interface Summary {
  tasksSubmitted: number;
  tasksCompleted: number;
  tasksNeedReview: number;
  tasksLost: number;
  tasksRunTwice: number;
  /** Submissions in the form server's log. */
  submissionsCounted: number;
  /** Tasks that submit the form. */
  submissionsExpected: number;
  minCapacityPct: number;
  newWorkOnNewVersionMs: number | null;
  lastOldTaskEndedMs: number | null;
  /** Attempts reserved on the old generation of a host after that host counted as updated. */
  newWorkOnOldVersion: number;
  /** The state the good release's deploy ended in. */
  goodDeploy: string;
  rollbacks: number;
  hostsTouchedByBadRelease: number;
  controlPlaneRssMb: number;
  startupMs: number;
}

export interface StoryFacts {
  /** Task ids the API answered 201 for, and whether each submits the form under its reference. */
  submitted: { taskId: string; reference: string | null }[];
  good: DeployView;
  bad: DeployView;
  submissionsLog: string;
  /** Lines of that log that were there before this story. */
  submissionsBefore: number;
  startupMs: number;
  fromMs: number;
  toMs: number;
}

const submissionSchema = z.object({ reference: z.string() });

export async function recomputeSummary(stack: Stack, facts: StoryFacts): Promise<Summary> {
  const query = async <T>(sql: string, values: unknown[]): Promise<T[]> =>
    (await stack.database.query(sql, values)).rows as T[];
  const ids = facts.submitted.map(({ taskId }) => taskId);
  const tasks = await query<{ id: string; state: string; finishes: string }>(
    `SELECT t.id, t.state, (SELECT count(*) FROM attempts a WHERE a.task_id = t.id AND a.outcome = 'completed') AS finishes
     FROM tasks t WHERE t.id = ANY($1::uuid[])`,
    [ids],
  );
  const counts = submissionCounts(facts.submissionsLog, facts.submissionsBefore);
  const stateOf = new Map(tasks.map((task) => [task.id, task.state]));
  const ended = new Set(["completed", "failed", "cancelled", "timed_out", "expired", "needs_review"]);
  const lost = facts.submitted.filter(({ taskId, reference }) => {
    const state = stateOf.get(taskId);
    if (state === undefined || !ended.has(state)) return true;
    return state === "completed" && reference !== null && !counts.has(reference);
  });
  const twice = facts.submitted.filter(
    ({ taskId, reference }) =>
      (reference !== null && (counts.get(reference) ?? 0) > 1) ||
      Number(tasks.find((task) => task.id === taskId)?.finishes ?? 0) > 1,
  );
  const [strays] = await query<{ count: string }>(
    `SELECT count(*) FROM deploy_hosts h JOIN attempts a ON a.sandbox_id = h.sandbox_id
     WHERE h.deploy_id = $1 AND h.step = 'updated' AND a.generation = h.old_generation
       AND a.reserved_at > h.ended_at AND a.reserved_at < $2`,
    [facts.good.id, facts.bad.createdAt],
  );
  return {
    tasksSubmitted: facts.submitted.length,
    tasksCompleted: tasks.filter((task) => task.state === "completed").length,
    tasksNeedReview: tasks.filter((task) => task.state === "needs_review").length,
    tasksLost: lost.length,
    tasksRunTwice: twice.length,
    submissionsCounted: [...counts.values()].reduce((sum, count) => sum + count, 0),
    submissionsExpected: facts.submitted.filter(({ reference }) => reference !== null).length,
    minCapacityPct:
      (await minCapacityPct(stack.database, {
        environment: stack.environment,
        from: new Date(facts.fromMs),
        to: new Date(facts.toMs),
      })) ?? 0,
    newWorkOnNewVersionMs: facts.good.measures.newWorkOnNewVersionMs,
    lastOldTaskEndedMs: facts.good.measures.lastOldTaskEndedMs,
    newWorkOnOldVersion: Number(strays?.count ?? 0),
    goodDeploy: facts.good.state,
    rollbacks: await countOf(
      query,
      `SELECT count(*) FROM deploys WHERE state = 'rolled_back' AND id = ANY($1::uuid[])`,
      [[facts.good.id, facts.bad.id]],
    ),
    hostsTouchedByBadRelease: await countOf(
      query,
      `SELECT count(*) FROM deploy_hosts WHERE deploy_id = $1 AND started_at IS NOT NULL`,
      [facts.bad.id],
    ),
    controlPlaneRssMb: controlPlaneRssMb(stack),
    startupMs: facts.startupMs,
  };
}

async function countOf(
  query: <T>(sql: string, values: unknown[]) => Promise<T[]>,
  sql: string,
  values: unknown[],
): Promise<number> {
  const [row] = await query<{ count: string }>(sql, values);
  return Number(row?.count ?? 0);
}

/** reference -> how often the form server received it. */
function submissionCounts(logFile: string, before: number): Map<string, number> {
  const counts = new Map<string, number>();
  for (const line of readFileSync(logFile, "utf8").split("\n").filter(Boolean).slice(before)) {
    const { reference } = submissionSchema.parse(JSON.parse(line));
    counts.set(reference, (counts.get(reference) ?? 0) + 1);
  }
  return counts;
}

/** Resident memory of the API and the control worker together, MB; 0 where /proc does not exist. */
function controlPlaneRssMb(stack: Stack): number {
  if (process.platform !== "linux") return 0;
  const kb = ["api", "control"].map((name) => {
    const pid = stack.supervisor.pid(name);
    if (pid === undefined) return 0;
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0);
  });
  return Math.round(kb.reduce((a, b) => a + b, 0) / 1024);
}

/** Each promise as a sentence, and whether the numbers keep it. */
export function promises(summary: Summary): { text: string; held: boolean }[] {
  return [
    { text: `no task lost (${summary.tasksLost})`, held: summary.tasksLost === 0 },
    { text: `no task run twice (${summary.tasksRunTwice})`, held: summary.tasksRunTwice === 0 },
    { text: `no task left in doubt (${summary.tasksNeedReview})`, held: summary.tasksNeedReview === 0 },
    {
      text: `every task that submits submitted once (${summary.submissionsCounted} of ${summary.submissionsExpected})`,
      held: summary.submissionsCounted === summary.submissionsExpected,
    },
    {
      text: `every task completed (${summary.tasksCompleted} of ${summary.tasksSubmitted})`,
      held: summary.tasksCompleted === summary.tasksSubmitted,
    },
    { text: `capacity never dipped (lowest ${summary.minCapacityPct} %)`, held: summary.minCapacityPct >= 100 },
    {
      text: `an updated host took no new work on its old version (${summary.newWorkOnOldVersion})`,
      held: summary.newWorkOnOldVersion === 0,
    },
    { text: `the good release reached every host (${summary.goodDeploy})`, held: summary.goodDeploy === "completed" },
    { text: `the bad release was rolled back (${summary.rollbacks})`, held: summary.rollbacks === 1 },
    {
      text: `the bad release touched one host only (${summary.hostsTouchedByBadRelease})`,
      held: summary.hostsTouchedByBadRelease === 1,
    },
  ];
}
