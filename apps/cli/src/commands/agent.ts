import type { Command } from "commander";
import { integer, oneOf, pattern, textOf } from "../flags.ts";
import type { Runner } from "../program.ts";

export interface AgentCurlFlags {
  host?: string;
  keyFile?: string;
  data?: string;
  timeoutMs?: number;
}
const methods = ["GET", "POST", "PUT", "PATCH", "DELETE"] as const;

export function addAgent(program: Command, run: Runner): void {
  const group = program.command("agent").description("Speak with one sandbox's agent").helpCommand(false);
  group
    .command("curl")
    .description("Send a signed request to an agent and check the signature of its answer")
    .argument("<method>", methods.join(", "), (text: string) => oneOf(methods)(text.toUpperCase()))
    .argument("<path>", "Such as /health", pattern(/^\/\S*$/, "a path that begins with /, without blanks"))
    .option("--host <host[:port]>", "Where the agent is (default: 127.0.0.1:8000)", textOf(260))
    .option("--key-file <path>", "File with the key, or an identity.env (default: VALET_AGENT_KEY)", textOf(4000))
    .option("--data <json>", "JSON body, @FILE, or @- for standard input")
    .option("--timeout-ms <ms>", "Longest wait for the answer (default: 30000)", integer(1, 600_000))
    .action((method: string, path: string, flags: AgentCurlFlags, command: Command) =>
      run(command, async (context) => (await import("../agent/agent-curl.ts")).agentCurl(context, method, path, flags)),
    );
}
