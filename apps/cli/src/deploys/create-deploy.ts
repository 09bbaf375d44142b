import { ask } from "../ask.ts";
import type { DeployCreateFlags } from "../commands/deploys.ts";
import type { CliContext } from "../context.ts";
import { type ExitCode, exitCodes } from "../failure.ts";
import { resolveId, shorten } from "../short-ids.ts";
import { headText } from "./deploy-text.ts";
import { parseKnobs } from "./knobs.ts";
import { watchDeploy } from "./watch-deploy.ts";

export async function createDeploy(context: CliContext, imageTag: string, flags: DeployCreateFlags): Promise<ExitCode> {
  const knobs = parseKnobs(flags.knob);
  const sandboxIds: string[] = [];
  for (const given of flags.sandbox ?? []) sandboxIds.push(await resolveId(context, "sandbox", given));
  const { environment, service, imageDigest, reason } = flags;
  const body = { environment, service, imageTag, imageDigest, knobs, reason };
  const view = await ask(context, { what: `deploy ${imageTag} to ${environment}` }, (api, signal) =>
    api.createDeploy({ body: { ...body, ...(flags.sandbox ? { sandboxIds } : {}) }, signal }),
  );
  if (flags.watch) {
    return (await watchDeploy(context, view.id)).state === "completed" ? exitCodes.done : exitCodes.failed;
  }
  context.print(
    view,
    () => `${headText(view)}: ${view.state}.\nFollow it: valet deploys show ${shorten(view.id)} --watch`,
  );
  return exitCodes.done;
}
