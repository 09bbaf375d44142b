import { type Environment, type TaskState, taskStates } from "@valet/shared";
import type { Command } from "commander";
import { environmentFlag, integer, oneOf, pairs, pattern, textOf, webAddress } from "../flags.ts";
import type { Runner } from "../program.ts";
import { type PageFlags, addPageFlags } from "./page-flags.ts";

export interface TaskListFlags extends PageFlags {
  state?: TaskState;
}
export interface TaskSubmitFlags {
  url?: string;
  steps?: string;
  environment?: Environment;
  priority?: number;
  timeoutMs?: number;
  restart?: "review" | "safe";
  metadata?: Record<string, string>;
  idempotencyKey?: string;
  wait?: boolean;
}

const reviewDecisions = ["completed", "failed", "restart"] as const;
export interface TaskReviewFlags {
  decision: (typeof reviewDecisions)[number];
  note?: string;
}

export function addTasks(program: Command, run: Runner): void {
  const group = program.command("tasks").description("Browser work for clients").helpCommand(false);
  addSubmit(group, run);
  addPageFlags(group.command("list").description("List tasks, newest first"), [
    "createdAt",
    "enqueuedAt",
    "state",
    "priority",
  ])
    .option("--state <state>", "Only tasks in this state", oneOf(taskStates))
    .action((flags: TaskListFlags, command: Command) =>
      run(command, async (context) => (await import("../tasks/list-tasks.ts")).listTasks(context, flags)),
    );
  const one = (name: string, description: string) =>
    group.command(name).description(description).argument("<task>", "Id or its beginning");
  one("show", "One task: attempts, result, artifacts").action((id: string, _flags: unknown, command: Command) =>
    run(command, async (context) => (await import("../tasks/show-task.ts")).showTask(context, id)),
  );
  one("cancel", "Cancel a task; a running one stops its browser first")
    .option("--reason <text>", "Why, for the others", textOf(500))
    .action((id: string, flags: { reason?: string }, command: Command) =>
      run(command, async (context) => (await import("../tasks/cancel-task.ts")).cancelTask(context, id, flags)),
    );
  one("retry", "Submit the work of a failed, cancelled, timed out or expired task again, as a new task")
    .option("--reason <text>", "Why, for the others", textOf(500))
    .action((id: string, flags: { reason?: string }, command: Command) =>
      run(command, async (context) => (await import("../tasks/decide-task.ts")).retryTask(context, id, flags)),
    );
  one("review", "Decide a task in needs_review")
    .requiredOption("--decision <decision>", "completed, failed or restart", oneOf(reviewDecisions))
    .option("--note <text>", "Why, for the others", textOf(2000))
    .action((id: string, flags: TaskReviewFlags, command: Command) =>
      run(command, async (context) => (await import("../tasks/decide-task.ts")).reviewTask(context, id, flags)),
    );
  one("why", "What a waiting task waits for").action((id: string, _flags: unknown, command: Command) =>
    run(command, async (context) => (await import("../tasks/why-task.ts")).whyTask(context, id)),
  );
  one("events", "What happened in a task, as it happens; ends with the task").action(
    (id: string, _flags: unknown, command: Command) =>
      run(command, async (context) => (await import("../tasks/task-events.ts")).taskEvents(context, id)),
  );
}

function addSubmit(group: Command, run: Runner): void {
  group
    .command("submit")
    .description("Submit a task from a JSON file, from standard input (-), or from --url and --steps")
    .argument("[file]", 'JSON file with the task, or "-"')
    .option("--url <url>", "Page to start on; without --steps: open it and take a screenshot", webAddress)
    .option("--steps <json>", "JSON list of steps, or @FILE")
    .option("--environment <environment>", "dev, staging or production", environmentFlag)
    .option("--priority <seconds>", "Head start in the queue", integer(-3600, 3600))
    .option("--timeout-ms <ms>", "Longest time it may run", integer(1000, 3_600_000))
    .option("--restart <mode>", "After an interruption: review or safe", oneOf(["review", "safe"] as const))
    .option("--metadata <name=value>", "Kept with the task; may be repeated", pairs)
    .option(
      "--idempotency-key <key>",
      "The same key and task again is the same task",
      pattern(/^[\x21-\x7e]{1,200}$/, "1 to 200 printable characters without blanks"),
    )
    .option("--wait", "Wait until it has ended; exit code 0 only when it completed")
    .action((file: string | undefined, flags: TaskSubmitFlags, command: Command) =>
      run(command, async (context) => (await import("../tasks/submit-task.ts")).submitTask(context, file, flags)),
    );
}
