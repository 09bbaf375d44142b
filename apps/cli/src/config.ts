import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { Secret } from "@valet/shared";
import { z } from "zod";
import { type Connection, findConnection } from "./connection-file.ts";
import { CliFailure, usageFailure } from "./failure.ts";

const optionalText = z
  .string()
  .optional()
  .transform((value) => (value === undefined || value.trim() === "" ? undefined : value.trim()));
const webAddress = optionalText.refine(
  (value) => value === undefined || /^https?:\/\/[^/]/.test(value),
  "must be an http:// or https:// address",
);

/** What `valet` reads from the environment. An empty value is the same as none. */
export const environmentVariables = z.object({
  /** Address of the VALET API, without a path; `--api-url` wins over it. */
  VALET_API_URL: webAddress,
  /** API token. There is no flag for it: arguments are visible to every user of the machine. */
  VALET_API_TOKEN: optionalText,
  /** Key of one sandbox's agent, for `valet agent curl`; `--key-file` wins over it. */
  VALET_AGENT_KEY: optionalText,
  /** JSON file with the agents' keys, for deploys past the API; `--keys-file` wins over it. */
  VALET_KEYS_FILE: optionalText,
  /** Addresses of the sandboxes, comma separated: where `--direct` looks when nothing else says. */
  SANDBOX_IPS: optionalText,
  /** Address of the staging host, after SANDBOX_IPS. */
  EC2_IP_STG: optionalText,
  /** Address of the production host, after SANDBOX_IPS. */
  EC2_IP_PROD: optionalText,
  /** Set to anything: no colour (https://no-color.org). */
  NO_COLOR: optionalText,
  /** `dumb`: a terminal without colour. */
  TERM: optionalText,
});
export type Variables = z.output<typeof environmentVariables>;

export interface Config {
  apiUrl: string;
  token: Secret | undefined;
}

/** Throws a usage failure that names the variable and what is allowed. */
export function readEnvironment(source: Readonly<Record<string, string | undefined>> = process.env): Variables {
  const parsed = environmentVariables.safeParse(source);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw usageFailure(`${issue?.path.join(".")} ${issue?.message}`, "Correct it in the environment, or unset it.");
}

export function isColourAllowed(variables: Variables): boolean {
  return variables.NO_COLOR === undefined && variables.TERM !== "dumb";
}

/**
 * Address and token: `--api-url`, then VALET_API_URL, then the nearest `.valet/connection.json`. The file's token goes only
 * to the file's own address. Throws a usage failure that says what is missing.
 */
export function loadConfig(options: { variables: Variables; folder: string; apiUrl: string | undefined }): Config {
  const { VALET_API_URL, VALET_API_TOKEN } = options.variables;
  const given = options.apiUrl ?? VALET_API_URL;
  const isComplete = given !== undefined && VALET_API_TOKEN !== undefined;
  const connection = isComplete ? null : findConnection(options.folder);
  const apiUrl = given ?? connection?.apiUrl;
  if (!apiUrl) {
    throw usageFailure(
      "No VALET API is named",
      'Set VALET_API_URL and VALET_API_TOKEN, or run inside a folder where "npm start" made .valet/connection.json.',
    );
  }
  const token = VALET_API_TOKEN ?? fileToken(connection, apiUrl);
  refusePlainHttp(apiUrl, token !== undefined);
  return { apiUrl: apiUrl.replace(/\/+$/, ""), token: token === undefined ? undefined : new Secret(token) };
}

function fileToken(connection: Connection | null, apiUrl: string): string | undefined {
  if (!connection || new URL(connection.apiUrl).origin !== new URL(apiUrl).origin) return undefined;
  const path = resolve(connection.folder, connection.tokenFile);
  try {
    return readFileSync(path, "utf8").trim() || undefined;
  } catch (cause) {
    throw new CliFailure(`Could not read the token file ${path} named by ${connection.file}`, {
      code: "connection",
      hint: 'Start VALET again with "npm start", or set VALET_API_TOKEN.',
      cause,
    });
  }
}

function refusePlainHttp(apiUrl: string, hasToken: boolean): void {
  const { protocol, hostname } = new URL(apiUrl);
  const isLoopback = hostname === "localhost" || hostname === "[::1]" || /^127(\.\d{1,3}){3}$/.test(hostname);
  if (protocol === "http:" && !isLoopback && hasToken) {
    throw usageFailure(
      `Refused to send the token to ${apiUrl} without encryption`,
      "Use https://; plain http is for this machine only.",
    );
  }
}
