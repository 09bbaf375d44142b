import { isTerminal, taskTransitions } from "@valet/shared";
import { ask } from "../ask.ts";
import type { CliContext } from "../context.ts";
import { resolveId, shorten } from "../short-ids.ts";

export async function cancelTask(context: CliContext, given: string, flags: { reason?: string }): Promise<void> {
  const id = await resolveId(context, "task", given);
  const doing = { what: `cancel task ${given}`, listCommand: "valet tasks list" };
  const task = await ask(context, doing, (api, signal) =>
    api.cancelTask({ params: { id }, body: { reason: flags.reason }, signal }),
  );
  context.print(task, () =>
    isTerminal(taskTransitions, task.state)
      ? `Task ${shorten(id)} is ${task.state}.`
      : `Task ${shorten(id)} is ${task.state}: its browser is being stopped. See valet tasks show ${shorten(id)}.`,
  );
}
