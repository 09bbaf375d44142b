import { type DeployView, analysisText } from "@valet/contracts";
import type { CliContext } from "../context.ts";
import { plainText } from "../plain-text.ts";
import { durationText, relativeTime } from "../relative-time.ts";
import { shorten } from "../short-ids.ts";
import { stateText } from "../style.ts";
import { type Column, renderFields, renderTable } from "../table.ts";
import { isEnded } from "./deploy-changes.ts";

/** `Deploy 3f2a91bc: ghosthands v2 to staging, 3 hosts`. */
export function headText(view: DeployView): string {
  const { id, service, imageTag, environment, hostsTotal } = view;
  return plainText(`Deploy ${shorten(id)}: ${service} ${imageTag} to ${environment}, ${hostsTotal} hosts`);
}

/** The closing line: how it ended, and the two clocks and two promises where they are known. */
export function endText(context: CliContext, view: DeployView): string {
  const state = isEnded(view) ? stateText(context.style, view.state) : `${view.state} (goes on)`;
  const facts = [`${view.hostsUpdated} of ${view.hostsTotal} hosts updated`];
  if (view.hostsFailed > 0) facts.push(`${view.hostsFailed} failed`);
  return `Deploy ${shorten(view.id)} ${state}: ${[...facts, ...measureTexts(view)].join(", ")}`;
}

function measureTexts({ measures }: DeployView): string[] {
  const texts: string[] = [];
  const { newWorkOnNewVersionMs, lastOldTaskEndedMs, tasksLost, minCapacityPct } = measures;
  if (newWorkOnNewVersionMs !== null) texts.push(`new work on it after ${durationText(newWorkOnNewVersionMs)}`);
  if (lastOldTaskEndedMs !== null) texts.push(`last old task ended after ${durationText(lastOldTaskEndedMs)}`);
  if (tasksLost !== null) texts.push(`${tasksLost} tasks lost`);
  if (minCapacityPct !== null) texts.push(`lowest capacity ${Math.round(minCapacityPct)} %`);
  return texts;
}

/** Everything about one deploy, for `deploys show`. */
export function deployText(context: CliContext, view: DeployView): string {
  const nowMs = context.io.clock.now();
  const state = stateText(context.style, view.state) + (view.stateReason ? `: ${plainText(view.stateReason)}` : "");
  const fields = renderFields([
    ["Deploy", view.id],
    ["State", { text: state, paint: () => state }],
    ["Stands at", isEnded(view) ? "" : plainText(view.progress.text)],
    ["Waits for", view.waitingOn.join(", ")],
    ...controlFields(view),
    ["Release", `${view.service} ${view.imageTag} ${view.imageDigest ?? "(digest not resolved yet)"}`],
    ["Before", view.previousTag ? `${view.previousTag} ${view.previousDigest ?? ""}` : ""],
    ["Environment", view.environment],
    ["Commit", [view.commitSha?.slice(0, 7), view.commitMessage].filter(Boolean).join(" ")],
    ["Started by", `${view.createdBy} (${view.trigger}), ${relativeTime(view.createdAt, nowMs)}`],
    ["Took", tookText(view, nowMs)],
    ["How", `${view.knobs.strategy}, ${view.knobs.order}, ${view.knobs.maxParallel} at a time`],
    ["Hosts", `${view.hostsUpdated} of ${view.hostsTotal} updated, ${view.hostsFailed} failed`],
    ["Measured", measureTexts(view).join(", ")],
    ["Revision", view.revision],
  ]);
  return view.hosts.length === 0 ? fields : `${fields}\n\n${renderTable(hostColumns(context, nowMs), view.hosts)}`;
}

/** Only where there is something to say. */
function controlFields(view: DeployView): [string, string][] {
  const fields: [string, string][] = [
    ["Canary", view.analysis ? plainText(analysisText(view.analysis)) : ""],
    ["Approved by", approvalsText(view)],
    ["Freeze", freezeText(view)],
    ["Mind", plainText(view.warnings.join("; "))],
  ];
  return fields.filter(([, text]) => text !== "");
}

function approvalsText({ approvals: { required, given } }: DeployView): string {
  if (required === 0 && given.length === 0) return "";
  const names = given.map(({ actor }) => plainText(actor)).join(", ");
  return `${given.length} of ${required}${names ? `: ${names}` : ""}`;
}

/** What holds it, or that nothing does although there are freezes. */
function freezeText({ freeze, ignoreFreeze }: DeployView): string {
  if (ignoreFreeze) return "ignored";
  if (!freeze) return "";
  const end = freeze.until === null ? "for longer than a year" : `until ${freeze.until}`;
  return plainText(`${freeze.name}, ${end}`);
}

function tookText({ startedAt, endedAt }: DeployView, nowMs: number): string {
  if (!startedAt) return "";
  const endMs = endedAt ? Date.parse(endedAt) : nowMs;
  return `${durationText(endMs - Date.parse(startedAt))}${endedAt ? "" : " so far"}`;
}

function hostColumns(context: CliContext, nowMs: number): Column<DeployView["hosts"][number]>[] {
  const paint = (text: string) => stateText(context.style, text);
  return [
    { title: "sandbox", maxWidth: 30, cell: ({ sandboxName }) => sandboxName },
    { title: "step", cell: ({ step }) => ({ text: step, paint }) },
    {
      title: "generation",
      cell: ({ oldGeneration, newGeneration }) => `${oldGeneration ?? "-"} → ${newGeneration ?? "-"}`,
    },
    { title: "reported", cell: ({ reportedDigest }) => reportedDigest?.slice(7, 19) ?? null },
    // Unknown is not zero.
    { title: "tasks", align: "right", cell: ({ activeTaskCount }) => activeTaskCount ?? "?" },
    { title: "since", cell: ({ startedAt, endedAt }) => relativeTime(endedAt ?? startedAt, nowMs) },
    { title: "reason", maxWidth: 100, cell: ({ reason }) => reason },
  ];
}
