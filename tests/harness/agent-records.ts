import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import type { LocalSandbox } from "../../tools/local-stack/sandbox.ts";

const recordsSchema = z.object({
  nextGeneration: z.number().int(),
  deploys: z.array(z.object({ kind: z.enum(["deploy", "rollback"]), command: z.object({ deploy_id: z.string() }) })),
});

/** What the agent of a sandbox has on disk: how many generations it ever made, and which commands it carried out (the last 20). */
export function agentRecords(sandbox: LocalSandbox) {
  const { nextGeneration, deploys } = recordsSchema.parse(
    JSON.parse(readFileSync(join(sandbox.dir, "agent", "generations.json"), "utf8")),
  );
  return {
    generationsMade: nextGeneration - 1,
    commandsOf: (deployId: string) =>
      deploys.filter(({ command }) => command.deploy_id === deployId).map(({ kind }) => kind),
  };
}
