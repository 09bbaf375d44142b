import type { FreezeWindow, RolloutConfigView } from "@valet/contracts";
import { type RolloutKnobs, defaultKnobs } from "@valet/shared";
import { ask } from "../ask.ts";
import type { ConfigShowFlags } from "../commands/rollout-config.ts";
import type { CliContext } from "../context.ts";
import { CliFailure } from "../failure.ts";
import { plainText } from "../plain-text.ts";
import { relativeTime } from "../relative-time.ts";
import { renderFields } from "../table.ts";

export async function showConfig(context: CliContext, flags: ConfigShowFlags): Promise<void> {
  const { environment } = flags;
  const view = await ask(context, { what: `show the configuration of ${environment}` }, (api, signal) =>
    api.getRolloutConfig({ params: { environment }, signal }),
  );
  if (!flags.source) return context.print(view, () => configText(context, view));
  if (view.version === 0) {
    throw new CliFailure(`Nobody has configured ${environment} yet`, {
      code: "not_found",
      hint: `valet config apply rollout.yml --environment ${environment}`,
    });
  }
  context.print({ source: view.source }, () => view.source.trimEnd());
}

export function configText(context: CliContext, view: RolloutConfigView): string {
  const { config, freeze } = view;
  const by = view.createdBy && `, by ${view.createdBy} ${relativeTime(view.createdAt, context.io.clock.now())}`;
  return renderFields([
    ["Environment", view.environment],
    ["Version", view.version === 0 ? "none: the defaults count" : plainText(`${view.version}${by ?? ""}`)],
    ["Approvals", config.approvals === 0 ? "none" : `${config.approvals}, by others than who asks`],
    ["Freezes", config.freezes.map(freezeText).join("; ") || "none"],
    ["Frozen now", freeze ? plainText(`${freeze.name}, until ${freeze.until ?? "further notice"}`) : "no"],
    ...Object.entries(view.effective).map(([service, { knobs, analysis }]): [string, string] => [
      service,
      plainText(knobsText(knobs) + (analysis ? `, analysis with alpha ${analysis.alpha}` : "")),
    ]),
  ]);
}

function freezeText({ name, days, from, to, timezone, pauses }: FreezeWindow): string {
  const when = days ? `${days.join(", ")} ${from}–${to} ${timezone ?? "UTC"}` : `${from} to ${to}`;
  return plainText(`${name} (${when}${pauses ? ", pauses" : ""})`);
}

/** Strategy and order, and each knob that is not as shipped. */
function knobsText(knobs: RolloutKnobs): string {
  const shipped = defaultKnobs(knobs.order);
  const changed = (Object.keys(shipped) as (keyof RolloutKnobs)[]).filter(
    (name) => name !== "strategy" && name !== "order" && JSON.stringify(knobs[name]) !== JSON.stringify(shipped[name]),
  );
  const texts = changed.map((name) => {
    const value = knobs[name];
    return `${name} ${typeof value === "object" ? JSON.stringify(value) : value}`;
  });
  return [knobs.strategy, knobs.order, ...texts].join(", ");
}
