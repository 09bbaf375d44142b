import type { Command } from "commander";
import { textOf } from "../flags.ts";
import type { Runner } from "../program.ts";

interface KeysFlags {
  keysFile?: string;
  reason?: string;
}
const keysText = "File with the agents' keys (default: VALET_KEYS_FILE)";

export function addDirect(program: Command, run: Runner): void {
  const group = program
    .command("direct")
    .description("Deploys that were run past the API: valet deploys create … --direct")
    .helpCommand(false);
  group
    .command("list")
    .description("Direct deploys of this folder, and whether the API has their journals")
    .action((_flags: object, command: Command) =>
      run(command, async (context) => (await import("../direct/list-journals.ts")).listJournals(context)),
    );
  for (const [action, description] of [
    ["resume", "Go on with one that was interrupted or paused"],
    ["abort", "Stop one here; nothing is rolled back"],
    ["rollback", "Take one back to the release before"],
  ] as const) {
    group
      .command(action)
      .description(description)
      .argument("<deploy>", "Id or its beginning")
      .option("--keys-file <path>", keysText, textOf(4000))
      .option("--reason <text>", "Why, for the others", textOf(500))
      .action((id: string, flags: KeysFlags, command: Command) =>
        run(command, async (context) =>
          (await import("../direct/direct-deploy.ts")).continueDirect(context, id, flags, action),
        ),
      );
  }
  group
    .command("upload")
    .description("Give the API the journals it does not have yet; every command that reaches it does so too")
    .action((_flags: object, command: Command) =>
      run(command, async (context) => {
        const count = await (await import("../direct/upload.ts")).uploadJournals(context);
        context.print({ uploaded: count }, () => (count === 0 ? "Nothing waits." : `${count} uploaded.`));
      }),
    );
  group
    .command("snapshot")
    .description("Write down which hosts there are, signed, for the day the API cannot say")
    .option("--keys-file <path>", keysText, textOf(4000))
    .option("--out <path>", "Where to (default: .valet/fleet-snapshot.json)", textOf(4000))
    .action((flags: { keysFile?: string; out?: string }, command: Command) =>
      run(command, async (context) => (await import("../direct/take-snapshot.ts")).takeSnapshot(context, flags)),
    );
}
