import { type Environment, type SandboxState, sandboxStates } from "@valet/shared";
import type { Command } from "commander";
import { environmentFlag, integer, oneOf, pairs, textOf } from "../flags.ts";
import type { Runner } from "../program.ts";
import { type PageFlags, addPageFlags } from "./page-flags.ts";

export interface SandboxListFlags extends PageFlags {
  environment?: Environment;
  status?: SandboxState;
}
export interface SandboxAddFlags {
  environment: Environment;
  publicIp: string;
  identityFile: string;
  instanceId?: string;
  instanceType?: "t3.medium" | "t3.large" | "t3.xlarge" | "local";
  browserEngine?: "chromium" | "adspower";
  capacity?: number;
  agentPort?: number;
  label?: Record<string, string>;
}
export interface CordonFlags {
  reason?: string;
  holder?: string;
}

export function addSandboxes(program: Command, run: Runner): void {
  const group = program.command("sandboxes").description("The hosts that run tasks").helpCommand(false);
  addPageFlags(group.command("list").description("List sandboxes"), [
    "name",
    "createdAt",
    "status",
    "environment",
    "capacity",
  ])
    .option("--environment <environment>", "dev, staging or production", environmentFlag)
    .option("--status <state>", "Only sandboxes in this state", oneOf(sandboxStates))
    .action((flags: SandboxListFlags, command: Command) =>
      run(command, async (context) => (await import("../sandboxes/list-sandboxes.ts")).listSandboxes(context, flags)),
    );
  group
    .command("show")
    .description("One sandbox: slots, generations, cordons")
    .argument("<sandbox>", "Name, id or beginning of the id")
    .action((id: string, _flags: unknown, command: Command) =>
      run(command, async (context) => (await import("../sandboxes/show-sandbox.ts")).showSandbox(context, id)),
    );
  addAdd(group, run);
  addCordons(group, run);
}

function addAdd(group: Command, run: Runner): void {
  group
    .command("add")
    .description("Register a sandbox; its identity goes into a file, once, and is never shown")
    .argument("<name>", "What people call it", textOf(100))
    .requiredOption("--environment <environment>", "dev, staging or production", environmentFlag)
    .requiredOption("--public-ip <host>", "Where its agent is reached, without a port", textOf(253))
    .requiredOption(
      "--identity-file <path>",
      "New file for the host's /opt/valet/identity.env (mode 600)",
      textOf(4000),
    )
    .option("--instance-id <id>", "The cloud's name for it (default: the name)", textOf(100))
    .option(
      "--instance-type <type>",
      "t3.medium, t3.large, t3.xlarge or local",
      oneOf(["t3.medium", "t3.large", "t3.xlarge", "local"] as const),
    )
    .option("--browser-engine <engine>", "chromium or adspower", oneOf(["chromium", "adspower"] as const))
    .option("--capacity <slots>", "Tasks at once", integer(1, 100))
    .option("--agent-port <port>", "Port of its agent (default: 8000)", integer(1, 65_535))
    .option("--label <name=value>", "For placement; may be repeated", pairs)
    .action((name: string, flags: SandboxAddFlags, command: Command) =>
      run(command, async (context) => (await import("../sandboxes/add-sandbox.ts")).addSandbox(context, name, flags)),
    );
}

function addCordons(group: Command, run: Runner): void {
  group
    .command("cordon")
    .description("Give a sandbox no new tasks; running ones go on")
    .argument("<sandbox>", "Name, id or beginning of the id")
    .option("--reason <text>", "Why, for the others", textOf(500))
    .option("--holder <name>", "Who holds it (default: you)", textOf(100))
    .action((id: string, flags: CordonFlags, command: Command) =>
      run(command, async (context) => (await import("../sandboxes/cordon-sandbox.ts")).cordon(context, id, flags)),
    );
  group
    .command("uncordon")
    .description("Lift an operator's cordon; others' cordons stay")
    .argument("<sandbox>", "Name, id or beginning of the id")
    .option("--holder <name>", "Whose cordon (default: yours)", textOf(100))
    .action((id: string, flags: CordonFlags, command: Command) =>
      run(command, async (context) => (await import("../sandboxes/cordon-sandbox.ts")).uncordon(context, id, flags)),
    );
}
