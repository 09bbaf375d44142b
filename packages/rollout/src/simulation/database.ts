import type { DeployDocument } from "../model.ts";
import type { ContractMigration } from "../observation.ts";
import type { World } from "./world.ts";

/** What migrations of this story take away. */
const contractName = "0042_drop_old_shape";

/** As the database would tell: what this deploy's migrations take away, what was taken away before, and which releases need it. */
export function migrationsOf(world: World, deploy: DeployDocument): ContractMigration[] {
  const { releases } = world.script;
  const contractAt = releases.findIndex((one) => one.migration === "contract");
  if (contractAt === -1 || deploy.service !== "ghosthands") return [];
  const neededBy = [...world.releases.values()].filter((one) => needsOld(world, one.tag)).map((one) => one.digest);
  const hasRun = !world.shapes.has("old");
  if (hasRun) {
    const isGone = deploy.imageDigest === null && needsOld(world, deploy.imageTag);
    return [
      { name: contractName, blockedBy: isGone ? [`${deploy.imageTag} needs what it took away`] : [], neededBy, hasRun },
    ];
  }
  return placeOf(world, deploy) >= contractAt ? [{ name: contractName, blockedBy: [], neededBy }] : [];
}

const placeOf = (world: World, { imageTag }: DeployDocument): number =>
  world.script.releases.findIndex((one) => one.tag === imageTag);

function needsOld(world: World, tag: string): boolean {
  const needs = world.script.releases.find((one) => one.tag === tag)?.needs;
  return needs === "old" || needs === "both";
}

/** The migrations of a release, and of all before it, run as its deploy begins. */
export function migrate(world: World, deploy: DeployDocument): void {
  if (deploy.service !== "ghosthands") return;
  for (const { migration, tag } of world.script.releases.slice(0, placeOf(world, deploy) + 1)) {
    if (migration === "expand" && !world.shapes.has("new")) {
      world.shapes.add("new");
      world.tell("database", `gets the new shape, by the migration of ${tag}`);
    }
    if (migration === "contract" && world.shapes.delete("old")) {
      world.tell("database", `loses the old shape, by ${contractName} of ${tag}`);
    }
  }
}
