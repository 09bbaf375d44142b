import type { DeployHistory } from "@valet/contracts";
import { ask } from "../ask.ts";
import type { DeployHistoryFlags } from "../commands/deploy-plans.ts";
import type { CliContext } from "../context.ts";
import { plainText } from "../plain-text.ts";
import { resolveId } from "../short-ids.ts";

/** A page is fetched at a time; more than this many are not printed in one go. */
const mostPages = 100;

export async function deployHistory(context: CliContext, given: string, flags: DeployHistoryFlags): Promise<void> {
  const id = await resolveId(context, "deploy", given);
  const entries: DeployHistory["entries"] = [];
  let next: number | null = flags.after ?? 0;
  for (let page = 0; page < mostPages && next !== null; page += 1) {
    const after: number = next;
    const found: DeployHistory = await ask(context, { what: `read the history of deploy ${given}` }, (api, signal) =>
      api.deployHistory({ params: { id }, query: { after, limit: 500 }, signal }),
    );
    entries.push(...found.entries);
    next = found.next;
  }
  context.print({ entries, next }, () => {
    const text = entries.map((entry) => entryText(entry, flags.all === true)).join("\n");
    return text === "" ? "Nothing was decided yet." : text;
  });
}

function entryText({ revision, at, decisions, observed }: DeployHistory["entries"][number], isAll: boolean): string {
  const lines = decisions.map((one) => {
    const who = one.actor === "engine" ? "" : ` [${one.actor}]`;
    return `${at}  r${revision}${who}  ${plainText(one.summary)}`;
  });
  if (lines.length === 0) lines.push(`${at}  r${revision}  (nothing but what it waits for)`);
  if (!isAll) return lines.join("\n");
  const seen = observed.sandboxes.map(
    ({ sandboxName, changed }) => `    ${plainText(sandboxName)}: ${plainText(JSON.stringify(changed)).slice(0, 300)}`,
  );
  const more = observed.sandboxesChanged - observed.sandboxes.length;
  return [...lines, ...seen, ...(more > 0 ? [`    … and ${more} more sandboxes`] : [])].join("\n");
}
