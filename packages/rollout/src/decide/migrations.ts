import { blockersOfMigrations, takenAwayFrom } from "../contract-migration.ts";
import type { Draft } from "./draft.ts";

/** Whom this deploy's contract migrations wait for; none of it may begin before. */
export function migrationBlockers({ deploy, facts, sandboxes }: Draft): string[] {
  const migrations = facts.contractMigrations;
  if (migrations.length === 0) return [];
  const blockers = blockersOfMigrations({ migrations, sandboxes, wayBack: facts.lastCompleted });
  const gone = takenAwayFrom(migrations, deploy.imageDigest);
  return gone === null ? blockers : [...blockers, `migration ${gone} has taken away what ${deploy.imageTag} needs`];
}
