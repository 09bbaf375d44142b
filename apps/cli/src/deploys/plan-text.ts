import type { DeployPlan, Eta, PlanHost } from "@valet/contracts";
import type { CliContext } from "../context.ts";
import { plainText } from "../plain-text.ts";
import { shorten } from "../short-ids.ts";
import type { Style, Tone } from "../style.ts";
import { type Column, renderFields, renderTable } from "../table.ts";

/** Hosts printed one by one; `--json` has them all. */
const mostHosts = 50;

export function planText(context: CliContext, plan: DeployPlan): string {
  const { style } = context;
  const parts = [headText(plan), blockersText(style, plan), wavesText(plan), hostsText(style, plan), risksText(plan)];
  const closing = `Nothing was changed. To insist on this plan: --plan-revision ${plan.revision}`;
  return [...parts.filter((part) => part !== ""), closing].join("\n\n");
}

function headText(plan: DeployPlan): string {
  const { eta } = plan;
  const changing = plan.hosts.filter((host) => host.action !== "skip").length;
  return renderFields([
    ["Plan", `${plan.service} ${plan.imageTag} to ${plan.environment}, ${changing} of ${plan.hosts.length} hosts`],
    ["How", plan.strategy],
    ["Digest", plan.imageDigest ?? "resolved and pinned by the first host's pull"],
    ["Back to", plan.previousTag ?? "nothing"],
    ["All new work on it", etaText(eta.newWorkOnNewVersion)],
    ["Last old task ended", etaText(eta.lastOldTaskEnded)],
    ["Learnt from", eta.basis],
    ["Without", eta.without.join("; ")],
  ]);
}

/** `p50 1 min 10 s, p90 2 min`. */
export function etaText({ p50Ms, p90Ms }: Eta): string {
  return `p50 ${spanText(p50Ms)}, p90 ${spanText(p90Ms)}`;
}

export function spanText(ms: number): string {
  const seconds = Math.round(ms / 1000);
  if (seconds < 1) return "at once";
  const parts: [number, string][] = [
    [Math.floor(seconds / 3600), "h"],
    [Math.floor(seconds / 60) % 60, "min"],
    [seconds % 60, "s"],
  ];
  const said = parts.filter(([count]) => count > 0).map(([count, unit]) => `${count} ${unit}`);
  return said.slice(0, 2).join(" ");
}

function blockersText(style: Style, { blockers }: DeployPlan): string {
  const line = (tone: Tone, mark: string, { text, until }: DeployPlan["blockers"][number]) =>
    `  ${style(tone, mark)} ${plainText(text)}${until === null ? "" : ` (until ${until})`}`;
  const stops = blockers.filter((one) => one.blocks).map((one) => line("bad", "✗", one));
  const notes = blockers.filter((one) => !one.blocks).map((one) => line("warn", "!", one));
  if (stops.length + notes.length === 0) return "Nothing stands in its way.";
  const head = stops.length > 0 ? "It would wait:" : "To know before:";
  return [head, ...stops, ...notes].join("\n");
}

function wavesText({ waves }: DeployPlan): string {
  const lines = waves.slice(0, 20).map(({ wave, text, hosts, sandboxNames, bakeMs, waitsForPromotion }) => {
    const more = hosts > 5 ? ` and ${hosts - 5} more` : "";
    const then = [
      ...(bakeMs > 0 ? [`bakes ${spanText(bakeMs)}`] : []),
      ...(waitsForPromotion ? ["waits for promote"] : []),
    ];
    const after = then.length > 0 ? `, then ${then.join(" and ")}` : "";
    return `  ${wave}. ${sandboxNames.slice(0, 5).join(", ")}${more} (${text})${after}`;
  });
  if (waves.length > lines.length) lines.push(`  … ${waves.length - lines.length} more waves`);
  return lines.length === 0 ? "" : ["Waves:", ...lines].join("\n");
}

function hostsText(style: Style, { hosts }: DeployPlan): string {
  if (hosts.length === 0) return "";
  const tones: Record<PlanHost["action"], Tone> = { change: "good", wake: "good", wait: "warn", skip: "faint" };
  const columns: Column<PlanHost>[] = [
    { title: "sandbox", maxWidth: 30, cell: (host) => host.sandboxName },
    { title: "wave", align: "right", cell: (host) => host.wave },
    { title: "what", cell: ({ action }) => ({ text: action, paint: (text) => style(tones[action], text) }) },
    { title: "tasks", align: "right", cell: (host) => host.tasks },
    { title: "memory", cell: ({ memory }) => (memory ? memoryText(memory) : "?") },
    { title: "seen", cell: ({ observedAgoMs: ago }) => (ago === null ? "never" : `${spanText(ago)} ago`) },
    { title: "why", maxWidth: 100, cell: (host) => [host.text, ...host.notes].join("; ") },
  ];
  const more = hosts.length > mostHosts ? `\n… ${hosts.length - mostHosts} more hosts (--json has them all)` : "";
  return renderTable(columns, hosts.slice(0, mostHosts)) + more;
}

function memoryText({ totalMb, usedMb, neededMb }: NonNullable<PlanHost["memory"]>): string {
  const free = `${totalMb - usedMb} MB free`;
  return neededMb === null ? free : `${free}, needs ${neededMb}`;
}

function risksText({ tasksAtRisk, tasksAtRiskTotal, openTasks }: DeployPlan): string {
  if (tasksAtRiskTotal === 0) {
    return openTasks === 0 ? "" : `${openTasks} tasks run now; none is likely to outlast its drain deadline.`;
  }
  const columns: Column<DeployPlan["tasksAtRisk"][number]>[] = [
    { title: "task", cell: ({ taskId }) => shorten(taskId) },
    { title: "sandbox", maxWidth: 30, cell: ({ sandboxName }) => sandboxName },
    { title: "ends in", cell: ({ endsIn }) => etaText(endsIn) },
    { title: "deadline in", cell: ({ drainDeadlineInMs }) => spanText(drainDeadlineInMs) },
    { title: "chance", align: "right", cell: ({ chancePastDeadline: chance }) => `${Math.round(chance * 100)} %` },
    { title: "then", maxWidth: 80, cell: ({ then }) => then },
  ];
  const head = `${tasksAtRiskTotal} of ${openTasks} tasks may outlast the drain deadline:`;
  return `${head}\n${renderTable(columns, tasksAtRisk.slice(0, 20))}`;
}
