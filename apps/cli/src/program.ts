import { Command } from "commander";
import packageJson from "../package.json" with { type: "json" };
import { addAgent } from "./commands/agent.ts";
import { addDeploys } from "./commands/deploys.ts";
import { addDirect } from "./commands/direct.ts";
import { addReleases } from "./commands/releases.ts";
import { addRolloutConfig } from "./commands/rollout-config.ts";
import { addSandboxes } from "./commands/sandboxes.ts";
import { addStatus } from "./commands/status.ts";
import { addTasks } from "./commands/tasks.ts";
import type { CliContext } from "./context.ts";
import type { ExitCode } from "./failure.ts";
import { webAddress } from "./flags.ts";
import type { CliIo } from "./io.ts";

/** Runs a command's action with its context. What the action needs is imported inside it: starting stays fast. */
export type Runner = (command: Command, action: (context: CliContext) => Promise<ExitCode | void>) => Promise<void>;

/** The whole command tree. Global flags are understood before and after the subcommand. */
export function makeProgram(io: CliIo, finish: (code: ExitCode) => void): Command {
  const run: Runner = async (command, action) => {
    const { makeContext } = await import("./context.ts");
    const context = await makeContext(io, command.optsWithGlobals<{ json?: boolean; apiUrl?: string }>());
    finish((await action(context)) ?? 0);
  };
  const program = new Command("valet")
    .description("Ship releases to a fleet of sandboxes and run browser tasks on it.")
    .version(packageJson.version, "-V, --version", "Print the version")
    .helpOption("-h, --help", "Print this help")
    .helpCommand(false)
    .option("--json", "Print JSON: one document, or one a line while watching")
    .option(
      "--api-url <url>",
      "Address of the VALET API (default: VALET_API_URL, else .valet/connection.json)",
      webAddress,
    )
    .exitOverride()
    .configureHelp({ showGlobalOptions: true, helpWidth: io.stdout.columns ?? 100 })
    .configureOutput({
      writeOut: (text) => void io.stdout.write(text),
      writeErr: (text) => void io.stderr.write(text),
      getOutHelpWidth: () => io.stdout.columns ?? 100,
      getErrHelpWidth: () => io.stderr.columns ?? 100,
      // Failures are told in one place, run.ts.
      outputError: () => undefined,
    })
    .addHelpText("after", helpEnd);
  addStatus(program, run);
  addSandboxes(program, run);
  addTasks(program, run);
  addDeploys(program, run);
  addRolloutConfig(program, run);
  addDirect(program, run);
  addReleases(program, run);
  addAgent(program, run);
  return program;
}

const helpEnd = `
The token comes from VALET_API_TOKEN or the connection file, never from a flag.
Ids may be shortened to any unique beginning of at least four characters.
Exit codes: 0 done, 1 failed, 2 wrong usage.`;
