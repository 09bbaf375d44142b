import { ask } from "../ask.ts";
import type { TaskReviewFlags } from "../commands/tasks.ts";
import type { CliContext } from "../context.ts";
import { resolveId, shorten } from "../short-ids.ts";

const listCommand = "valet tasks list";

/** Submits the work of an ended task again, as a new task. */
export async function retryTask(context: CliContext, given: string, flags: { reason?: string }): Promise<void> {
  const id = await resolveId(context, "task", given);
  const task = await ask(context, { what: `retry task ${given}`, listCommand }, (api, signal) =>
    api.retryTask({ params: { id }, body: { reason: flags.reason }, signal }),
  );
  context.print(task, () => `Submitted again as task ${shorten(task.id)}, ${task.state}.`);
}

/** Settles a doubtful task: it may have acted on a page before it was interrupted, so a person decides. */
export async function reviewTask(context: CliContext, given: string, flags: TaskReviewFlags): Promise<void> {
  const id = await resolveId(context, "task", given);
  const task = await ask(context, { what: `review task ${given}`, listCommand }, (api, signal) =>
    api.reviewTask({ params: { id }, body: { decision: flags.decision, note: flags.note }, signal }),
  );
  context.print(task, () => `Task ${shorten(id)} is ${task.state}.`);
}
