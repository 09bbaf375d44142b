import { parseArgs } from "node:util";

const text = { type: "string" } as const;

/** What the bench tells its processes. */
export function sizeOf(): { hosts: number; tasksAHost: number; runs: number; part: string; url: string } {
  const { values } = parseArgs({ options: { hosts: text, tasks: text, runs: text, part: text, url: text } });
  const { hosts, tasks, runs, part = "", url = "" } = values;
  return { hosts: Number(hosts), tasksAHost: Number(tasks), runs: Number(runs), part, url };
}
