import type { ApiClient } from "@valet/contracts";
import { deadlineSignal } from "@valet/shared";
import type { Config, Variables } from "./config.ts";
import type { CliIo } from "./io.ts";
import { type Style, makeStyle } from "./style.ts";

/** Longest wait for one answer of the API; following a deploy waits call by call. */
export const callTimeoutMs = 30_000;

/** What each command gets: where to write, whom to ask. */
export interface CliContext {
  io: CliIo;
  json: boolean;
  style: Style;
  /** Address and token; parsed when first asked for. */
  config(): Config;
  variables: Variables;
  api(): ApiClient;
  /** This command has given the API the journals that waited for it, or tried to. */
  toldOfDirectDeploys: boolean;
  /** For each call: ends at Ctrl-C and after `callTimeoutMs`. */
  signal(): AbortSignal;
  /** The command's one answer: a JSON document with `--json`, else the text for people. */
  print(document: unknown, text: () => string): void;
  /** A line for people; nothing with `--json`. */
  say(text: string): void;
}

/** Loads what talks to the API: only here, so that `--help` and usage errors do not wait for it. */
export async function makeContext(io: CliIo, globals: { json?: boolean; apiUrl?: string }): Promise<CliContext> {
  const [{ isColourAllowed, loadConfig, readEnvironment }, { makeApiClient }] = await Promise.all([
    import("./config.ts"),
    import("@valet/contracts"),
  ]);
  const json = globals.json ?? false;
  const variables = readEnvironment(io.environment);
  let config: Config | undefined;
  const configured = () => (config ??= loadConfig({ variables, folder: io.folder, apiUrl: globals.apiUrl }));
  let api: ApiClient | undefined;
  return {
    io,
    json,
    variables,
    style: makeStyle(io.stdout, isColourAllowed(variables)),
    config: configured,
    toldOfDirectDeploys: false,
    api: () => {
      const { apiUrl, token } = configured();
      return (api ??= makeApiClient({ baseUrl: apiUrl, ...(token ? { token: token.reveal() } : {}) }));
    },
    signal: () => deadlineSignal(callTimeoutMs, io.signal),
    print: (document, text) => {
      io.stdout.write(`${json ? JSON.stringify(document, null, 2) : text()}\n`);
    },
    say: (text) => {
      if (!json) io.stdout.write(`${text}\n`);
    },
  };
}
