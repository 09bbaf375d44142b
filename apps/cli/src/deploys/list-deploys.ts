import type { DeploySummary } from "@valet/contracts";
import { ask } from "../ask.ts";
import type { DeployListFlags } from "../commands/deploys.ts";
import type { CliContext } from "../context.ts";
import { pageQuery, pageText } from "../page-text.ts";
import { relativeTime } from "../relative-time.ts";
import { shorten } from "../short-ids.ts";
import { type Style, stateText } from "../style.ts";
import { type Column, renderTable } from "../table.ts";

export async function listDeploys(context: CliContext, flags: DeployListFlags): Promise<void> {
  const { environment, service, state } = flags;
  const sortBy = flags.sortBy as "createdAt" | "state" | "environment" | undefined;
  const page = await ask(context, { what: "list the deploys" }, (api, signal) =>
    api.listDeploys({ query: { ...pageQuery(flags), sortBy, environment, service, state }, signal }),
  );
  context.print(page, () =>
    page.data.length === 0
      ? "No deploys found. A webhook or valet deploys create makes one."
      : renderTable(columns(context.style, context.io.clock.now()), page.data) + pageText(page.pagination),
  );
}

function columns(style: Style, nowMs: number): Column<DeploySummary>[] {
  return [
    { title: "id", cell: ({ id }) => shorten(id) },
    { title: "release", maxWidth: 40, cell: ({ service, imageTag }) => `${service} ${imageTag}` },
    { title: "environment", cell: ({ environment }) => environment },
    { title: "state", cell: ({ state }) => ({ text: state, paint: (text) => stateText(style, text) }) },
    { title: "hosts", align: "right", cell: ({ hostsUpdated, hostsTotal }) => `${hostsUpdated}/${hostsTotal}` },
    { title: "made", cell: ({ createdAt }) => relativeTime(createdAt, nowMs) },
    { title: "by", maxWidth: 20, cell: ({ createdBy }) => createdBy },
    { title: "reason", maxWidth: 60, cell: ({ stateReason }) => stateReason },
  ];
}
