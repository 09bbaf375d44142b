import { type Environment, type Service, services, strategies, type Strategy } from "@valet/shared";
import type { Command } from "commander";
import { environmentFlag, integer, list, oneOf, pairs, pattern } from "../flags.ts";
import type { Runner } from "../program.ts";

export interface DeployPlanFlags {
  environment?: Environment;
  service?: Service;
  imageDigest?: string;
  sandbox?: string[];
  strategy?: Strategy;
  knob?: Record<string, string>;
  deploy?: string;
}
export interface DeployHistoryFlags {
  after?: number;
  all?: boolean;
}

const digest = pattern(/^sha256:[0-9a-f]{64}$/, "sha256: and 64 hex digits");
const tag = pattern(/^[A-Za-z0-9._\-/:]{1,128}$/, "1 to 128 letters, digits or . _ - / :");
export const planRevision = pattern(/^p1(-[0-9a-f]{6}){6}$/, "the revision that `valet deploys plan` printed");

/** `valet deploys plan` and `valet deploys history`. */
export function addDeployPlans(group: Command, run: Runner): void {
  group
    .command("plan")
    .description("Say what a deploy would do, how long it takes and what stands in its way; changes nothing")
    .argument("[tag]", "Image tag of the release", tag)
    .option("--environment <environment>", "dev, staging or production", environmentFlag)
    .option("--deploy <deploy>", "A deploy that has not begun yet, by id or its beginning, instead of a tag")
    .option("--service <service>", "What to deploy (default: ghosthands)", oneOf(services))
    .option("--image-digest <digest>", "The tag's digest", digest)
    .option("--sandbox <sandbox>", "Only this sandbox, by name or id; may be repeated", list)
    .option("--strategy <strategy>", "rolling, canary or blue-green", oneOf(strategies))
    .option("--knob <name=value>", "How to proceed, such as maxParallel=2; may be repeated", pairs)
    .action((imageTag: string | undefined, flags: DeployPlanFlags, command: Command) =>
      run(command, async (context) => (await import("../deploys/plan-deploy.ts")).planDeploy(context, imageTag, flags)),
    );
  group
    .command("history")
    .description("Every decision of a deploy with what was seen before it, who caused it and when")
    .argument("<deploy>", "Id or its beginning")
    .option("--after <revision>", "Only what was decided after this revision", integer(0, 2_147_483_647))
    .option("--all", "With what was seen before each decision")
    .action((id: string, flags: DeployHistoryFlags, command: Command) =>
      run(command, async (context) => (await import("../deploys/deploy-history.ts")).deployHistory(context, id, flags)),
    );
}
