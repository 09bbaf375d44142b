import { unreachableText } from "./decide/answered.ts";
import type { ContractMigration, EnvironmentFacts, Observation } from "./observation.ts";

export interface BlockersInput {
  migrations: readonly ContractMigration[];
  sandboxes: Iterable<Observation>;
  /** What the deploy would go back to. */
  wayBack: EnvironmentFacts["lastCompleted"];
  /** When a task ends, for people; null: nobody knows. */
  endOf?: (taskId: string) => string | null;
}

/**
 * Whom contract migrations wait for, a sentence each: everything that runs, drains or is kept warm on a release that needs what they
 * take away, hosts of which nobody knows what they run, and the deploy's own way back.
 */
export function blockersOfMigrations({ migrations, sandboxes, wayBack, endOf }: BlockersInput): string[] {
  const found: string[] = [];
  for (const { name, blockedBy, neededBy = [], hasRun = false } of migrations) {
    const say = (who: string): void => void found.push(`migration ${name}: ${who}`);
    for (const who of blockedBy) say(who);
    if (hasRun || neededBy.length === 0) continue;
    const needs = new Set(neededBy);
    if (wayBack && needs.has(wayBack.digest)) {
      say(`${wayBack.tag} needs what it takes away, and is what this deploy would go back to`);
    }
    for (const one of sandboxes) for (const who of blockersOn(one, needs, endOf)) say(who);
  }
  return found;
}

/** The migration that has taken away what this release needs, if any: the release cannot come back. */
export function takenAwayFrom(migrations: readonly ContractMigration[], digest: string | null): string | null {
  if (digest === null) return null;
  return migrations.find((one) => one.hasRun && one.neededBy?.includes(digest))?.name ?? null;
}

const ofTasks = (ids: readonly string[], endOf: BlockersInput["endOf"]): string => {
  const told = ids.slice(0, 3).map((id) => {
    const end = endOf?.(id) ?? null;
    return end === null ? id : `${id}, which ends ${end}`;
  });
  return ids.length === 0 ? "" : ` (${ids.length === 1 ? "task" : "tasks"} ${told.join("; ")})`;
};

function blockersOn(one: Observation, needs: ReadonlySet<string>, endOf: BlockersInput["endOf"]): string[] {
  const { facts } = one;
  if (facts.state === "terminating" || facts.state === "terminated") return [];
  // Unknown is not zero: it may well run, or come back with, what needs it.
  if (one.kind === "unreachable") return [`${facts.name} may run what needs it: ${unreachableText(one)}`];
  const found: string[] = [];
  for (const { generation, state, imageTag, imageDigest, desiredDigest } of one.health.generations) {
    if (state === "ended" || !(needs.has(desiredDigest) || (imageDigest !== null && needs.has(imageDigest)))) continue;
    const tasks = facts.openAttempts.filter((attempt) => attempt.generation === generation);
    const until = ofTasks(
      tasks.map((attempt) => attempt.taskId),
      endOf,
    );
    found.push(`generation ${generation} of ${imageTag} is ${state} on ${facts.name}${until}`);
  }
  const { currentDeploy } = one.health;
  if (currentDeploy !== null && currentDeploy.endedAt === null) {
    found.push(`${facts.name} is in the middle of a deploy of ${currentDeploy.imageTag}`);
  }
  return found;
}
