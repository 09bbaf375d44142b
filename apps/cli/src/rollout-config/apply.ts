import { ask } from "../ask.ts";
import type { ConfigApplyFlags } from "../commands/rollout-config.ts";
import type { CliContext } from "../context.ts";
import { assertNames, readRolloutFile } from "./read-file.ts";
import { configText } from "./show.ts";

/** Stores the next version, unless somebody else was first. */
export async function applyConfig(context: CliContext, file: string, flags: ConfigApplyFlags): Promise<void> {
  const { environment, reason } = flags;
  const { source, config } = await readRolloutFile(context, file);
  assertNames(config, environment, file);
  const params = { environment };
  const doing = { what: `apply ${file} to ${environment}` };
  const view = await ask(context, doing, async (api, signal) => {
    const expectedVersion = flags.expectedVersion ?? (await api.getRolloutConfig({ params, signal })).version;
    return api.putRolloutConfig({ params, body: { source, expectedVersion, reason }, signal });
  });
  context.print(
    view,
    () =>
      `Version ${view.version} counts in ${environment} now, for deploys created from here on.\n${configText(context, view)}`,
  );
}
