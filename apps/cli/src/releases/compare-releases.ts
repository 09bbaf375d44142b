import type { ReleaseCompare, ReleaseFacts } from "@valet/contracts";
import { ask } from "../ask.ts";
import type { ReleaseCompareFlags } from "../commands/releases.ts";
import type { CliContext } from "../context.ts";
import { etaText, spanText } from "../deploys/plan-text.ts";
import { plainText } from "../plain-text.ts";
import { shorten } from "../short-ids.ts";
import { renderTable } from "../table.ts";

export async function compareReleases(
  context: CliContext,
  from: string,
  to: string,
  { service }: ReleaseCompareFlags,
): Promise<void> {
  const compared = await ask(context, { what: `compare ${from} with ${to}` }, (api, signal) =>
    api.compareReleases({ query: { from, to, service }, signal }),
  );
  context.print(compared, () => compareText(compared));
}

function compareText({ from, to, differences }: ReleaseCompare): string {
  const rows: [string, (one: ReleaseFacts) => string][] = [
    ["digest", (one) => one.imageDigest?.slice(7, 19) ?? "not resolved"],
    ["deploys", (one) => one.deploys.map((deploy) => `${shorten(deploy.id)} ${deploy.state}`).join(", ") || "none"],
    ["new work on it after", (one) => clockText(one, "newWorkOnNewVersionMs")],
    ["last old task ended after", (one) => clockText(one, "lastOldTaskEndedMs")],
    ["tasks lost", (one) => String(one.tasksLost)],
    ["lowest capacity", (one) => (one.minCapacityPct === null ? "?" : `${Math.round(one.minCapacityPct)} %`)],
    ["rollbacks", (one) => String(one.rollbacks)],
    ["tasks failed", (one) => `${one.tasksFailed} of ${one.tasks}${rateText(one)}`],
    ["task duration", (one) => (one.taskDuration ? etaText(one.taskDuration) : "?")],
  ];
  const table = renderTable(
    [
      { title: "", cell: ([label]: (typeof rows)[number]) => label },
      { title: plainText(from.imageTag), maxWidth: 60, cell: ([, of]) => of(from) },
      { title: plainText(to.imageTag), maxWidth: 60, cell: ([, of]) => of(to) },
    ],
    rows,
  );
  return differences.length === 0 ? table : `${table}\n\n${differences.map((one) => plainText(one)).join("\n")}`;
}

/** Of its latest deploy that got so far. */
function clockText({ deploys }: ReleaseFacts, clock: "newWorkOnNewVersionMs" | "lastOldTaskEndedMs"): string {
  const known = deploys.find((deploy) => deploy[clock] !== null)?.[clock];
  return known === undefined || known === null ? "?" : spanText(known);
}

function rateText({ failureRate }: ReleaseFacts): string {
  return failureRate === null ? "" : ` (${(failureRate * 100).toFixed(1)} %)`;
}
