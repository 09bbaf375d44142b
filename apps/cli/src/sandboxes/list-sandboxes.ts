import type { SandboxView } from "@valet/contracts";
import { ask } from "../ask.ts";
import type { SandboxListFlags } from "../commands/sandboxes.ts";
import type { CliContext } from "../context.ts";
import { pageQuery, pageText } from "../page-text.ts";
import { relativeTime } from "../relative-time.ts";
import { shorten } from "../short-ids.ts";
import { type Style, stateText } from "../style.ts";
import { type Column, renderTable } from "../table.ts";

type SortBy = "name" | "createdAt" | "status" | "environment" | "capacity";

export async function listSandboxes(context: CliContext, flags: SandboxListFlags): Promise<void> {
  const { environment, status } = flags;
  const sortBy = flags.sortBy as SortBy | undefined;
  const page = await ask(context, { what: "list the sandboxes" }, (api, signal) =>
    api.listSandboxes({ query: { ...pageQuery(flags), sortBy, environment, status }, signal }),
  );
  context.print(page, () =>
    page.data.length === 0
      ? "No sandboxes found. Add one with valet sandboxes add."
      : renderTable(columns(context.style, context.io.clock.now()), page.data) + pageText(page.pagination),
  );
}

function columns(style: Style, nowMs: number): Column<SandboxView>[] {
  return [
    { title: "id", cell: ({ id }) => shorten(id) },
    { title: "name", maxWidth: 30, cell: ({ name }) => name },
    { title: "environment", cell: ({ environment }) => environment },
    { title: "state", cell: ({ state }) => ({ text: state, paint: (text) => stateText(style, text) }) },
    { title: "slots", align: "right", cell: slotsText },
    { title: "release", maxWidth: 24, cell: ({ releaseTag }) => releaseTag },
    { title: "cordoned by", maxWidth: 30, cell: cordonText },
    { title: "seen", cell: (sandbox) => seenText(sandbox, nowMs) },
  ];
}

/** Busy of all. Unknown is not zero: a sandbox that does not answer shows `?`. */
function slotsText({ slots, capacity, reachable, sessionLive }: SandboxView): string {
  const busy = slots.filter(({ state }) => state === "reserved" || state === "occupied").length;
  return reachable || sessionLive ? `${busy}/${capacity}` : `?/${capacity}`;
}

function cordonText({ cordons, quarantined }: SandboxView): string {
  const holders = cordons.map(({ holderKind }) => holderKind);
  return [...new Set(quarantined ? [...holders, "quarantine"] : holders)].join(", ");
}

function seenText({ lastSeenAt, reachable }: SandboxView, nowMs: number): string {
  const seen = relativeTime(lastSeenAt, nowMs);
  return reachable ? seen : `${seen}, unreachable`;
}
