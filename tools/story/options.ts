import { parseArgs } from "node:util";
import { resolve } from "node:path";
import { type Strategy, strategies } from "@valet/shared";

export const sabotages = ["no-cordon", "no-fence"] as const;
export type Sabotage = (typeof sabotages)[number];

export interface StoryOptions {
  /** End after the summary; the exit code says whether the promises held. */
  once: boolean;
  /** Print the summary as JSON, last. */
  json: boolean;
  /** A clean control plane, no demo. */
  empty: boolean;
  dataDir: string;
  /** 0: any free one. */
  port: number;
  sabotage: Sabotage | undefined;
  /** How v2 and v3 go through the fleet. */
  strategy: Strategy;
  browser: string | undefined;
}

export const usage = `npm start -- [options]
  --once             tell the story once, print the summary, end (exit 0 only if every promise held)
  --json             with --once: the summary as JSON on the last line of stdout
  --empty            a clean control plane and three idle sandboxes, no demo
  --data DIR         where everything is kept (default .valet; with --once a folder of its own that is removed)
  --port N           port of the dashboard and the API (default 3000; with --once any free one)
  --browser PATH     the Chromium to use (default: found, or installed)
  --strategy NAME    how the releases are rolled out: ${strategies.join(", ")} (default rolling)
  --sabotage NAME    with --once: build with a known failure put back (${sabotages.join(", ")}) and see the story catch it`;

/** Throws an Error with one line when a flag is unknown or its value impossible. */
export function parseOptions(argv: string[]): StoryOptions | "help" {
  const { values } = parseArgs({
    args: argv,
    options: {
      once: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      empty: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
      data: { type: "string" },
      port: { type: "string" },
      browser: { type: "string" },
      sabotage: { type: "string" },
      strategy: { type: "string" },
    },
  });
  if (values.help) return "help";
  if (values.json && !values.once) throw new Error("--json goes with --once");
  if (values.empty && values.once) throw new Error("--empty and --once exclude each other: there is no story to tell");
  const sabotage = sabotages.find((name) => name === values.sabotage);
  if (values.sabotage !== undefined && !sabotage) {
    throw new Error(`--sabotage ${values.sabotage} is unknown: use ${sabotages.join(" or ")}`);
  }
  if (sabotage && !values.once) throw new Error("--sabotage goes with --once");
  const strategy = strategies.find((name) => name === (values.strategy ?? "rolling"));
  if (!strategy) throw new Error(`--strategy ${values.strategy} is unknown: use ${strategies.join(" or ")}`);
  if (values.empty && values.strategy !== undefined)
    throw new Error("--strategy goes with the story, and --empty tells none");
  return {
    once: values.once,
    json: values.json,
    empty: values.empty,
    dataDir: values.data === undefined ? "" : resolve(values.data),
    port: portOf(values.port, values.once),
    sabotage,
    strategy,
    browser: values.browser,
  };
}

function portOf(text: string | undefined, once: boolean): number {
  if (text === undefined) return once ? 0 : 3000;
  const port = Number(text);
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    throw new Error(`--port ${text} is not a port: use 1 to 65535`);
  return port;
}
