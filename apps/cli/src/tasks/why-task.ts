import { ask } from "../ask.ts";
import type { CliContext } from "../context.ts";
import { plainText } from "../plain-text.ts";
import { durationText } from "../relative-time.ts";
import { resolveId } from "../short-ids.ts";
import { renderFields } from "../table.ts";

export async function whyTask(context: CliContext, given: string): Promise<void> {
  const id = await resolveId(context, "task", given);
  const doing = { what: `ask why task ${given} waits`, listCommand: "valet tasks list" };
  const why = await ask(context, doing, (api, signal) => api.whyTask({ params: { id }, signal }));
  context.print(why, () =>
    renderFields([
      ["State", why.state],
      ["Why", `${plainText(why.message)} (${why.code})`],
      ["Position", why.position],
      ["Starts in", why.etaMs === null ? "" : `about ${durationText(why.etaMs)}`],
    ]),
  );
}
