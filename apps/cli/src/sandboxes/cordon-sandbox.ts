import type { SandboxView } from "@valet/contracts";
import { ask } from "../ask.ts";
import type { CordonFlags } from "../commands/sandboxes.ts";
import type { CliContext } from "../context.ts";
import { resolveId } from "../short-ids.ts";

const listCommand = "valet sandboxes list";

export async function cordon(context: CliContext, given: string, flags: CordonFlags): Promise<void> {
  const id = await resolveId(context, "sandbox", given);
  const sandbox = await ask(context, { what: `cordon ${given}`, listCommand }, (api, signal) =>
    api.cordonSandbox({ params: { id }, body: { reason: flags.reason, holder: flags.holder }, signal }),
  );
  context.print(sandbox, () => `${sandbox.name} takes no new tasks; ${running(sandbox)}.`);
}

export async function uncordon(context: CliContext, given: string, flags: CordonFlags): Promise<void> {
  const id = await resolveId(context, "sandbox", given);
  const sandbox = await ask(context, { what: `uncordon ${given}`, listCommand }, (api, signal) =>
    api.uncordonSandbox({ params: { id }, body: { holder: flags.holder }, signal }),
  );
  context.print(sandbox, () => {
    if (sandbox.cordons.length === 0) return `${sandbox.name} takes tasks again.`;
    const holders = sandbox.cordons.map(({ holderKind, holderId }) => `${holderKind} ${holderId}`);
    return `Lifted; ${sandbox.name} is still cordoned by ${holders.join(", ")}.`;
  });
}

function running({ activeTaskCount, reachable }: SandboxView): string {
  if (!reachable) return "it is unreachable, so how many still run is not known";
  return activeTaskCount === 0 ? "none is running" : `${activeTaskCount} still running`;
}
