import type { SandboxView } from "@valet/contracts";
import { ask } from "../ask.ts";
import type { CliContext } from "../context.ts";
import { plainText } from "../plain-text.ts";
import { relativeTime } from "../relative-time.ts";
import { resolveId, shorten } from "../short-ids.ts";
import { stateText } from "../style.ts";
import { type Column, renderFields, renderTable } from "../table.ts";

export async function showSandbox(context: CliContext, given: string): Promise<void> {
  const id = await resolveId(context, "sandbox", given);
  const doing = { what: `show sandbox ${given}`, listCommand: "valet sandboxes list" };
  const sandbox = await ask(context, doing, (api, signal) => api.getSandbox({ params: { id }, signal }));
  context.print(sandbox, () => sandboxText(context, sandbox));
}

export function sandboxText(context: CliContext, sandbox: SandboxView): string {
  const nowMs = context.io.clock.now();
  const state = `${stateText(context.style, sandbox.state)}${sandbox.stateReason ? `: ${plainText(sandbox.stateReason)}` : ""}`;
  const parts = [
    renderFields([
      ["Sandbox", `${sandbox.name} (${sandbox.id})`],
      ["State", { text: state, paint: () => state }],
      ["Environment", sandbox.environment],
      ["Address", `${sandbox.publicIp}:${sandbox.agentPort}`],
      ["Host", `${sandbox.instanceType} ${sandbox.instanceId}, ${sandbox.browserEngine}`],
      ["Agent", sandbox.reachable ? "reachable" : "unreachable"],
      ["Session", `${sandbox.sessionLive ? "live" : "none"}, last seen ${relativeTime(sandbox.lastSeenAt, nowMs)}`],
      ["Release", releaseText(sandbox)],
      ["Tasks", sandbox.activeTaskCount],
      ["Quarantined", sandbox.quarantined ? "yes" : "no"],
      [
        "Labels",
        Object.entries(sandbox.labels)
          .map(([name, value]) => `${name}=${value}`)
          .join(" "),
      ],
    ]),
  ];
  if (sandbox.slots.length > 0) parts.push(renderTable(slotColumns(nowMs), sandbox.slots));
  if (sandbox.generations.length > 0) parts.push(renderTable(generationColumns(nowMs), sandbox.generations));
  if (sandbox.cordons.length > 0) parts.push(renderTable(cordonColumns(nowMs), sandbox.cordons));
  return parts.join("\n\n");
}

function releaseText({ releaseTag, releaseDigest }: SandboxView): string {
  return releaseTag ? `${releaseTag} ${releaseDigest ?? ""}` : "";
}

const slotColumns = (nowMs: number): Column<SandboxView["slots"][number]>[] => [
  { title: "slot", align: "right", cell: ({ index }) => index },
  { title: "state", cell: ({ state }) => state },
  { title: "generation", align: "right", cell: ({ generation }) => generation },
  { title: "task", cell: ({ taskId }) => (taskId ? shorten(taskId) : null) },
  { title: "since", cell: ({ since }) => relativeTime(since, nowMs) },
];

const generationColumns = (nowMs: number): Column<SandboxView["generations"][number]>[] => [
  { title: "generation", align: "right", cell: ({ generation }) => generation },
  { title: "state", cell: ({ state }) => state },
  { title: "release", cell: ({ releaseTag }) => releaseTag },
  { title: "digest", cell: ({ releaseDigest }) => releaseDigest.slice(7, 19) },
  { title: "accepting", cell: ({ accepting }) => (accepting ? "yes" : "no") },
  { title: "spare", cell: ({ spareReady }) => (spareReady ? "ready" : null) },
  { title: "reported", cell: ({ lastReportedAt }) => relativeTime(lastReportedAt, nowMs) },
];

const cordonColumns = (nowMs: number): Column<SandboxView["cordons"][number]>[] => [
  { title: "cordoned by", cell: ({ holderKind, holderId }) => `${holderKind} ${holderId}` },
  { title: "since", cell: ({ since }) => relativeTime(since, nowMs) },
  { title: "reason", maxWidth: 80, cell: ({ reason }) => reason },
];
