import { readFile, stat } from "node:fs/promises";
import { resolve } from "node:path";
import { type TaskSubmit, type TaskView, taskSubmitSchema } from "@valet/contracts";
import { isTerminal, taskTransitions } from "@valet/shared";
import { ask } from "../ask.ts";
import type { TaskSubmitFlags } from "../commands/tasks.ts";
import type { CliContext } from "../context.ts";
import { CliFailure, type ExitCode, exitCodes, usageFailure } from "../failure.ts";
import { follow } from "../follow.ts";
import { shorten } from "../short-ids.ts";
import { loadTask, taskText } from "./show-task.ts";

/** The API takes no larger body. */
const limitBytes = 10_000_000;

export async function submitTask(
  context: CliContext,
  file: string | undefined,
  flags: TaskSubmitFlags,
): Promise<ExitCode> {
  const body = validTask(await taskOf(context, file, flags));
  const headers: Record<string, string> = flags.idempotencyKey ? { "idempotency-key": flags.idempotencyKey } : {};
  const task = await ask(context, { what: "submit the task" }, (api, signal) =>
    api.submitTask({ body, headers, signal }),
  );
  if (!flags.wait) {
    context.print(task, () => `Task ${task.id} is ${task.state}.\nSee it: valet tasks show ${shorten(task.id)}`);
    return exitCodes.done;
  }
  const ended = await waitForEnd(context, task);
  context.print(ended, () => taskText(context, ended));
  return ended.state === "completed" ? exitCodes.done : exitCodes.failed;
}

/** Until the task has ended or is parked for a person's decision. */
function waitForEnd(context: CliContext, task: TaskView): Promise<TaskView> {
  let state = "";
  return follow<TaskView>(context, {
    load: () => loadTask(context, task.id),
    concerns: (event) => event.type.startsWith("task_") && "taskId" in event && event.taskId === task.id,
    isEnded: (view) => isTerminal(taskTransitions, view.state) || view.state === "needs_review",
    onView: (view) => {
      if (view.state !== state) context.say(`Task ${shorten(task.id)} is ${view.state}.`);
      state = view.state;
    },
    onAway: (failure) => context.say(failure ? `${failure.message}; trying again` : "The API answers again."),
  });
}

/** The file's task with the flags on top; flags alone make a task too. */
async function taskOf(context: CliContext, file: string | undefined, flags: TaskSubmitFlags): Promise<unknown> {
  if (file === undefined && flags.url === undefined && flags.steps === undefined) {
    throw usageFailure("No task is given", 'Name a JSON file, "-" for standard input, or use --url and --steps.');
  }
  if (file !== undefined && (flags.url !== undefined || flags.steps !== undefined)) {
    throw usageFailure("A task file and --url or --steps exclude each other", "Give one of them.");
  }
  const base = file === undefined ? await fromFlags(context, flags) : parseJson(await readInput(context, file), file);
  if (typeof base !== "object" || base === null || Array.isArray(base)) {
    throw usageFailure(`${file} does not hold a task`, "A task is one JSON object with steps.");
  }
  const { environment, priority, timeoutMs, restart, metadata } = flags;
  const given = Object.entries({ environment, priority, timeoutMs, restart }).filter(
    ([, value]) => value !== undefined,
  );
  const kept = "metadata" in base && typeof base.metadata === "object" ? base.metadata : {};
  return { ...base, ...Object.fromEntries(given), ...(metadata ? { metadata: { ...kept, ...metadata } } : {}) };
}

async function fromFlags(context: CliContext, { url, steps }: TaskSubmitFlags): Promise<object> {
  if (steps === undefined) return { url, steps: [{ action: "goto", url }, { action: "screenshot" }] };
  const text = steps.startsWith("@") ? await readInput(context, steps.slice(1)) : steps;
  return { ...(url === undefined ? {} : { url }), steps: parseJson(text, "--steps") };
}

async function readInput(context: CliContext, path: string): Promise<string> {
  if (path === "-") return context.io.readStdin(limitBytes);
  const full = resolve(context.io.folder, path);
  try {
    const { size } = await stat(full);
    if (size > limitBytes) throw usageFailure(`${path} has more than ${limitBytes} bytes`, "Send less in one task.");
    return await readFile(full, "utf8");
  } catch (cause) {
    if (cause instanceof CliFailure) throw cause;
    throw usageFailure(`Could not read ${path} (${(cause as NodeJS.ErrnoException).code})`, "Name a readable file.");
  }
}

function parseJson(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
    throw usageFailure(
      `${where === "-" ? "Standard input" : where} is not JSON: ${cause.message}`,
      "Correct it there.",
    );
  }
}

/** Checked here as the API will check it, so that mistakes are told by field without a call. */
function validTask(task: unknown): TaskSubmit {
  const parsed = taskSubmitSchema.safeParse(task);
  if (parsed.success) return task as TaskSubmit;
  throw new CliFailure("The task is not valid", {
    code: "validation",
    hint: "Correct the fields below.",
    exitCode: exitCodes.usage,
    details: parsed.error.issues.map(({ path, message, code }) => ({ field: path.join(".") || "task", message, code })),
  });
}
