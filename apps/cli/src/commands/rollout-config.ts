import type { Environment } from "@valet/shared";
import type { Command } from "commander";
import { environmentFlag, integer, textOf } from "../flags.ts";
import type { Runner } from "../program.ts";

export interface ConfigShowFlags {
  environment: Environment;
  source?: boolean;
}
export interface ConfigValidateFlags {
  environment?: Environment;
}
export interface ConfigApplyFlags {
  environment: Environment;
  expectedVersion?: number;
  reason?: string;
}

const environmentText = "dev, staging or production";
const fileText = "A rollout.yml, as YAML or JSON";

export function addRolloutConfig(program: Command, run: Runner): void {
  const group = program
    .command("config")
    .description("How an environment's deploys go: rollout.yml with strategy, knobs, approvals and freezes")
    .helpCommand(false);
  group
    .command("show")
    .description("What counts in an environment now, and what it comes to for each service")
    .requiredOption("--environment <environment>", environmentText, environmentFlag)
    .option("--source", "Print the file as it was applied, comments and all")
    .action((flags: ConfigShowFlags, command: Command) =>
      run(command, async (context) => (await import("../rollout-config/show.ts")).showConfig(context, flags)),
    );
  group
    .command("validate")
    .description("Check a file; with an environment also against its hosts. Stores nothing")
    .argument("<file>", fileText)
    .option("--environment <environment>", environmentText, environmentFlag)
    .action((file: string, flags: ConfigValidateFlags, command: Command) =>
      run(command, async (context) =>
        (await import("../rollout-config/validate.ts")).validateConfig(context, file, flags),
      ),
    );
  group
    .command("apply")
    .description("Make a file's part for one environment count; deploys created from then on go by it")
    .argument("<file>", fileText)
    .requiredOption("--environment <environment>", environmentText, environmentFlag)
    .option(
      "--expected-version <number>",
      "Refuse unless this version counts still (default: the one that counts now)",
      integer(0, 2_147_483_647),
    )
    .option("--reason <text>", "Why, for the audit log", textOf(500))
    .action((file: string, flags: ConfigApplyFlags, command: Command) =>
      run(command, async (context) => (await import("../rollout-config/apply.ts")).applyConfig(context, file, flags)),
    );
}
