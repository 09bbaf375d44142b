import type { Command } from "commander";
import type { Runner } from "../program.ts";

export function addStatus(program: Command, run: Runner): void {
  program
    .command("status")
    .description("Is VALET sound? The API, the fleet, the queue and what is being deployed")
    .action((_options: unknown, command: Command) =>
      run(command, async (context) => (await import("../status/show-status.ts")).showStatus(context)),
    );
}
