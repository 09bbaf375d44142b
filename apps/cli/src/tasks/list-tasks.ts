import type { TaskSummary } from "@valet/contracts";
import { ask } from "../ask.ts";
import type { TaskListFlags } from "../commands/tasks.ts";
import type { CliContext } from "../context.ts";
import { pageQuery, pageText } from "../page-text.ts";
import { relativeTime } from "../relative-time.ts";
import { shorten } from "../short-ids.ts";
import { type Style, stateText } from "../style.ts";
import { type Column, renderTable } from "../table.ts";

export async function listTasks(context: CliContext, flags: TaskListFlags): Promise<void> {
  const sortBy = flags.sortBy as "createdAt" | "enqueuedAt" | "state" | "priority" | undefined;
  const page = await ask(context, { what: "list the tasks" }, (api, signal) =>
    api.listTasks({ query: { ...pageQuery(flags), sortBy, state: flags.state }, signal }),
  );
  context.print(page, () =>
    page.data.length === 0
      ? "No tasks found. Submit one with valet tasks submit."
      : renderTable(columns(context.style, context.io.clock.now()), page.data) + pageText(page.pagination),
  );
}

function columns(style: Style, nowMs: number): Column<TaskSummary>[] {
  return [
    { title: "id", cell: ({ id }) => shorten(id) },
    { title: "state", cell: ({ state }) => ({ text: state, paint: (text) => stateText(style, text) }) },
    { title: "steps", align: "right", cell: ({ stepsDone, stepCount }) => `${stepsDone}/${stepCount}` },
    { title: "attempts", align: "right", cell: ({ attemptCount }) => attemptCount },
    { title: "sandbox", maxWidth: 24, cell: ({ sandboxName }) => sandboxName },
    { title: "made", cell: ({ createdAt }) => relativeTime(createdAt, nowMs) },
    { title: "url", maxWidth: 50, cell: ({ url }) => url },
    { title: "reason", maxWidth: 60, cell: ({ stateReason }) => stateReason },
  ];
}
