import { ask } from "../ask.ts";
import type { ConfigValidateFlags } from "../commands/rollout-config.ts";
import type { CliContext } from "../context.ts";
import { plainText } from "../plain-text.ts";
import { assertNames, readRolloutFile } from "./read-file.ts";

/** Checks the file here; with an environment the API checks it too, against the hosts that are there. */
export async function validateConfig(context: CliContext, file: string, flags: ConfigValidateFlags): Promise<void> {
  const { source, config } = await readRolloutFile(context, file);
  const names = Object.keys(config.environments).join(", ") || "no environment";
  const { environment } = flags;
  if (!environment) {
    return context.print({ valid: true, config }, () => `${file} is valid; it configures ${names}.`);
  }
  assertNames(config, environment, file);
  const checked = await ask(context, { what: `check ${file} for ${environment}` }, (api, signal) =>
    api.checkRolloutConfig({ params: { environment }, body: { source }, signal }),
  );
  context.print({ valid: true, ...checked }, () =>
    [
      `${file} is valid for ${environment}, where version ${checked.currentVersion} counts now.`,
      ...checked.warnings.map((warning) => `Mind: ${plainText(warning)}`),
    ].join("\n"),
  );
}
