import type { DeployPlan } from "@valet/contracts";
import { ask } from "../ask.ts";
import type { DeployPlanFlags } from "../commands/deploy-plans.ts";
import type { CliContext } from "../context.ts";
import { type ExitCode, exitCodes, usageFailure } from "../failure.ts";
import { resolveId } from "../short-ids.ts";
import { parseKnobs } from "./knobs.ts";
import { planText } from "./plan-text.ts";

/** Prints what a deploy would do. Exit code 1 when something stands in its way, so that a script may ask first. */
export async function planDeploy(
  context: CliContext,
  imageTag: string | undefined,
  flags: DeployPlanFlags,
): Promise<ExitCode> {
  const plan = await asked(context, imageTag, flags);
  context.print(plan, () => planText(context, plan));
  return plan.blockers.some((one) => one.blocks && one.kind !== "trigger") ? exitCodes.failed : exitCodes.done;
}

async function asked(
  context: CliContext,
  imageTag: string | undefined,
  { deploy, environment, service, imageDigest, sandbox, strategy, knob }: DeployPlanFlags,
): Promise<DeployPlan> {
  if (deploy !== undefined) {
    if (imageTag !== undefined) throw usageFailure("give a tag or --deploy, not both");
    const deployId = await resolveId(context, "deploy", deploy);
    const knobs = knob || strategy ? parseKnobs(knob, strategy) : undefined;
    const body = { deployId, ...(knobs ? { knobs } : {}) };
    return ask(context, { what: `plan deploy ${deploy}` }, (api, signal) => api.planDeploy({ body, signal }));
  }
  if (imageTag === undefined || environment === undefined) {
    throw usageFailure("give the tag and --environment, or --deploy for one that has not begun");
  }
  const sandboxIds: string[] = [];
  for (const given of sandbox ?? []) sandboxIds.push(await resolveId(context, "sandbox", given));
  const body = { environment, service, imageTag, imageDigest, knobs: parseKnobs(knob, strategy) };
  return ask(context, { what: `plan ${imageTag} for ${environment}` }, (api, signal) =>
    api.planDeploy({ body: { ...body, ...(sandbox ? { sandboxIds } : {}) }, signal }),
  );
}
