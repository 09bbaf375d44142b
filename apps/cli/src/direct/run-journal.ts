import { type DeployDocument, makeReconcile } from "@valet/rollout";
import type { CliContext } from "../context.ts";
import { isEnded } from "../deploys/deploy-changes.ts";
import { plainText } from "../plain-text.ts";
import { makeDirectDriver } from "./direct-driver.ts";
import type { JournalFolder } from "./journal-file.ts";
import { makeJournalStore } from "./journal-store.ts";
import type { OperatorKeys } from "./keys-file.ts";

const tickMs = 500;
const mostPasses = 20;

/**
 * Takes a direct deploy forward with the very reconciler of the control worker, until it has ended or waits for a person. Killed at any
 * point, the next run goes on from the journal: what was saved is sent again, under the same epochs.
 */
export async function runJournal(
  context: CliContext,
  folder: JournalFolder,
  id: string,
  keys: OperatorKeys,
): Promise<DeployDocument> {
  const { clock, signal } = context.io;
  const journal = folder.read(id);
  if (!journal) throw new Error(`there is no journal ${id}`);
  const unlock = folder.lock(id);
  try {
    const driver = makeDirectDriver(journal.hosts, keys, clock);
    const store = makeJournalStore({ folder, id, clock, silentSince: driver.silentSince });
    const reconcile = makeReconcile({ store, driver, clock });
    let told = journal.decisions.length;
    for (;;) {
      for (let pass = 0; pass < mostPasses; pass += 1) {
        signal.throwIfAborted();
        if ((await reconcile(id, signal)).kind !== "saved") break;
      }
      const now = folder.read(id);
      if (!now) throw new Error(`the journal ${folder.pathOf(id)} is gone`);
      for (const decision of now.decisions.slice(told)) tell(context, decision);
      told = now.decisions.length;
      if (isEnded(now.document) || isHeld(now.document)) return now.document;
      await clock.sleep(tickMs, signal);
    }
  } finally {
    unlock();
  }
}

/** Nothing more happens until a person says so. */
export function isHeld({ state, request }: DeployDocument): boolean {
  return request === null && (state === "paused" || state === "rollback_paused");
}

function tell(context: CliContext, { at, summary }: { at: number; summary: string }): void {
  const time = new Date(at).toISOString();
  if (context.json) context.io.stdout.write(`${JSON.stringify({ at: time, type: "decision", summary })}\n`);
  else context.io.stdout.write(`${time.slice(11, 19)}  ${plainText(summary)}\n`);
}
