import type { DeployView } from "@valet/contracts";
import { ask } from "../ask.ts";
import type { DeployCreateFlags } from "../commands/deploys.ts";
import type { CliContext } from "../context.ts";
import { type ExitCode, exitCodes } from "../failure.ts";
import { plainText } from "../plain-text.ts";
import { resolveId, shorten } from "../short-ids.ts";
import { headText } from "./deploy-text.ts";
import { parseKnobs } from "./knobs.ts";
import { watchDeploy } from "./watch-deploy.ts";

export async function createDeploy(context: CliContext, imageTag: string, flags: DeployCreateFlags): Promise<ExitCode> {
  const knobs = parseKnobs(flags.knob, flags.strategy);
  const sandboxIds: string[] = [];
  for (const given of flags.sandbox ?? []) sandboxIds.push(await resolveId(context, "sandbox", given));
  const { environment, service, imageDigest, reason, planRevision, ignoreFreeze } = flags;
  const body = { environment, service, imageTag, imageDigest, knobs, reason, planRevision, ignoreFreeze };
  const view = await ask(context, { what: `deploy ${imageTag} to ${environment}` }, (api, signal) =>
    api.createDeploy({ body: { ...body, ...(flags.sandbox ? { sandboxIds } : {}) }, signal }),
  );
  if (flags.watch) {
    return (await watchDeploy(context, view.id)).state === "completed" ? exitCodes.done : exitCodes.failed;
  }
  context.print(view, () =>
    [
      `${headText(view)}: ${view.state}.`,
      ...createdNotes(view),
      `Follow it: valet deploys show ${shorten(view.id)} --watch`,
    ].join("\n"),
  );
  return exitCodes.done;
}

/** What keeps it from starting at once, or may surprise. */
function createdNotes({ id, state, approvals, freeze, warnings }: DeployView): string[] {
  const notes = warnings.map((warning) => `Mind: ${plainText(warning)}`);
  if (freeze) notes.push(plainText(`Freeze ${freeze.name} holds it until ${freeze.until ?? "further notice"}.`));
  if (state === "awaiting_approval") {
    notes.push(`It takes ${approvals.required} approval by another person: valet deploys approve ${shorten(id)}`);
  }
  return notes;
}
