import type { TaskView } from "@valet/contracts";
import { ask } from "../ask.ts";
import type { CliContext } from "../context.ts";
import { plainText } from "../plain-text.ts";
import { durationText, relativeTime } from "../relative-time.ts";
import { resolveId } from "../short-ids.ts";
import { stateText } from "../style.ts";
import { type Column, renderFields, renderTable } from "../table.ts";

export async function showTask(context: CliContext, given: string): Promise<void> {
  const id = await resolveId(context, "task", given);
  const task = await loadTask(context, id);
  context.print(task, () => taskText(context, task));
}

export function loadTask(context: CliContext, id: string): Promise<TaskView> {
  const doing = { what: `show task ${id}`, listCommand: "valet tasks list" };
  return ask(context, doing, (api, signal) => api.getTask({ params: { id }, signal }));
}

export function taskText(context: CliContext, task: TaskView): string {
  const nowMs = context.io.clock.now();
  const state = stateText(context.style, task.state) + (task.stateReason ? `: ${plainText(task.stateReason)}` : "");
  const metadata = Object.entries(task.metadata).map(([name, value]) => `${name}=${value}`);
  const parts = [
    renderFields([
      ["Task", task.id],
      ["State", { text: state, paint: () => state }],
      ["Cancelling", task.cancelRequested ? "yes" : ""],
      ["Page", task.url],
      ["Steps", `${task.stepsDone} of ${task.stepCount} done`],
      ["Error", task.error ? `${task.error.code}: ${task.error.message}` : ""],
      ["Tenant", task.tenantId],
      ["Environment", task.environment],
      ["Priority", task.priority],
      ["Made", relativeTime(task.createdAt, nowMs)],
      ["Ran for", ranText(task, nowMs)],
      ["Metadata", metadata.join(" ")],
    ]),
  ];
  if (task.attempts.length > 0) parts.push(renderTable(attemptColumns(nowMs), task.attempts));
  if (task.artifacts.length > 0) parts.push(renderTable(artifactColumns, task.artifacts));
  if (task.result) parts.push(`Result\n${JSON.stringify(task.result, null, 2)}`);
  return parts.join("\n\n");
}

function ranText({ startedAt, endedAt }: TaskView, nowMs: number): string {
  if (!startedAt) return "";
  return durationText((endedAt ? Date.parse(endedAt) : nowMs) - Date.parse(startedAt)) + (endedAt ? "" : " so far");
}

const attemptColumns = (nowMs: number): Column<TaskView["attempts"][number]>[] => [
  { title: "attempt", align: "right", cell: ({ number }) => number },
  { title: "fence", align: "right", cell: ({ fence }) => fence },
  { title: "sandbox", maxWidth: 24, cell: ({ sandboxName, slot }) => `${sandboxName} slot ${slot}` },
  { title: "release", maxWidth: 20, cell: ({ releaseTag }) => releaseTag },
  { title: "outcome", cell: ({ outcome }) => outcome },
  { title: "began", cell: ({ acknowledgedAt, reservedAt }) => relativeTime(acknowledgedAt ?? reservedAt, nowMs) },
  { title: "reason", maxWidth: 80, cell: ({ reason }) => reason },
];

const artifactColumns: Column<TaskView["artifacts"][number]>[] = [
  { title: "artifact", maxWidth: 60, cell: ({ name }) => name },
  { title: "type", cell: ({ contentType }) => contentType },
  { title: "bytes", align: "right", cell: ({ bytes }) => bytes },
];
