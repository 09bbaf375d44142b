import { readFileSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { Secret } from "@valet/shared";
import { z } from "zod";
import type { CliContext } from "../context.ts";
import { usageFailure } from "../failure.ts";
import type { DirectHost } from "./direct-host.ts";

const secret = z
  .string()
  .min(16)
  .transform((value) => new Secret(value));
const keysSchema = z.strictObject({
  /** Signs and checks fleet snapshots. */
  signingKey: secret.optional(),
  /** Agent key by sandbox id, name, `address:port` or address. */
  agents: z.record(z.string(), secret),
});

/** What an operator needs to speak to hosts past the API. Never on a command line, where every user of the machine sees it. */
export interface OperatorKeys {
  signingKey: Secret | undefined;
  agentKeyOf(host: Pick<DirectHost, "sandboxId" | "name" | "address" | "agentPort">): Secret | undefined;
}

/** Reads the keys file; one that other users may read is refused. Throws a usage failure that names the file. */
export function readKeysFile(context: CliContext, given: string | undefined): OperatorKeys {
  const path = given ?? context.variables.VALET_KEYS_FILE;
  if (path === undefined) {
    throw usageFailure(
      "No file with the agents' keys is given",
      'Use --keys-file or VALET_KEYS_FILE: {"agents": {"<sandbox id, name or address>": "<VALET_AGENT_KEY of its identity.env>"}}.',
    );
  }
  const file = resolve(context.io.folder, path);
  const parsed = keysSchema.safeParse(jsonOf(file));
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw usageFailure(`${file}: ${issue?.path.join(".") || "it"} ${issue?.message}`, "Correct the keys file.");
  }
  const { agents, signingKey } = parsed.data;
  return {
    signingKey,
    agentKeyOf: ({ sandboxId, name, address, agentPort }) =>
      (sandboxId === null ? undefined : agents[sandboxId]) ??
      agents[name] ??
      agents[`${address}:${agentPort}`] ??
      agents[address],
  };
}

function jsonOf(file: string): unknown {
  try {
    if ((statSync(file).mode & 0o077) !== 0) {
      throw usageFailure(
        `${file} may be read by other users`,
        `Run chmod 600 ${file}; change the keys if they were read.`,
      );
    }
    return JSON.parse(readFileSync(file, "utf8"));
  } catch (cause) {
    if (cause instanceof SyntaxError) throw usageFailure(`${file} is not JSON`, "Correct the keys file.");
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") {
      throw usageFailure(`${file} does not exist`, "Name the keys file with --keys-file or VALET_KEYS_FILE.");
    }
    throw cause;
  }
}
