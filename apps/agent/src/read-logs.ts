import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { type HostConfig, tailLog } from "@valet/rollout/host";
import { z } from "zod";
import { type Answer, refuse } from "./commands.ts";

const querySchema = z.object({
  unit: z.string().regex(/^[A-Za-z0-9._-]{1,100}$/),
  lines: z.coerce.number().int().min(1).max(2000).default(200),
});

/** GET /logs?unit=g8-worker&lines=200: the last lines of one unit. Without a unit: which there are. */
export function readLogs(config: HostConfig, query: URLSearchParams): Answer {
  const folder = join(config.dataDir, "logs");
  const units = existsSync(folder) ? readdirSync(folder).map((name) => name.replace(/\.log$/, "")) : [];
  if (!query.has("unit")) return { status: 200, body: { units: units.sort() } };
  const parsed = querySchema.safeParse(Object.fromEntries(query));
  if (!parsed.success) return refuse(422, "validation", "unit is a name from GET /logs, lines is 1 to 2000");
  const { unit, lines } = parsed.data;
  if (!units.includes(unit)) return refuse(404, "not_found", `there is no log of ${unit}: GET /logs lists them`);
  return {
    status: 200,
    body: `${tailLog(config, unit, lines, 1_000_000)}\n`,
    headers: { "content-type": "text/plain; charset=utf-8" },
  };
}
