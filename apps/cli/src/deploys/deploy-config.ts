import { ask } from "../ask.ts";
import type { DeployConfigFlags } from "../commands/deploys.ts";
import type { CliContext } from "../context.ts";
import { renderFields } from "../table.ts";

export async function deployConfig(context: CliContext, flags: DeployConfigFlags): Promise<void> {
  const isChange = Object.keys(flags).length > 0;
  const config = await ask(context, { what: `${isChange ? "set" : "read"} the auto-deploy settings` }, (api, signal) =>
    isChange ? api.putDeployConfig({ body: flags, signal }) : api.getDeployConfig({ signal }),
  );
  const text = (isOn: boolean) => (isOn ? "on: a webhook starts its deploy" : "off: a deploy awaits its trigger");
  context.print(config, () =>
    renderFields([
      ["Auto-deploy staging", text(config.autoDeployStaging)],
      ["Auto-deploy production", text(config.autoDeployProd)],
    ]),
  );
}
