import type { WatchFlags } from "../commands/deploys.ts";
import type { CliContext } from "../context.ts";
import { type ExitCode, exitCodes } from "../failure.ts";
import { resolveId } from "../short-ids.ts";
import { deployText } from "./deploy-text.ts";
import { loadDeploy, watchDeploy } from "./watch-deploy.ts";

export async function showDeploy(context: CliContext, given: string, flags: WatchFlags): Promise<ExitCode> {
  const id = await resolveId(context, "deploy", given);
  if (flags.watch) return (await watchDeploy(context, id)).state === "completed" ? exitCodes.done : exitCodes.failed;
  const view = await loadDeploy(context, id);
  context.print(view, () => deployText(context, view));
  return exitCodes.done;
}
