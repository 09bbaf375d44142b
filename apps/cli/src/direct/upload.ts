import type { DirectDeploy } from "@valet/contracts";
import type { CliContext } from "../context.ts";
import { isEnded } from "../deploys/deploy-changes.ts";
import { explain } from "../explain.ts";
import { plainText } from "../plain-text.ts";
import { shorten } from "../short-ids.ts";
import { type DirectJournal, type JournalFolder, journalFolder } from "./journal-file.ts";

/** Direct deploys of this folder that have ended and that the API has not taken yet. */
export function waitingJournals(folder: JournalFolder): DirectJournal[] {
  return folder.list().filter((journal) => journal.uploadedAt === null && isEnded(journal.document));
}

/** As `uploadJournals`; what goes wrong is said, and the journals wait for the next command. */
export async function tryUpload(context: CliContext): Promise<void> {
  try {
    await uploadJournals(context);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    context.io.stderr.write(`valet: ${plainText(error.message)}. The journal waits: valet direct upload\n`);
  }
}

/** Gives the API every journal it does not have yet. Each is marked only once it was taken; taking one twice changes nothing. */
export async function uploadJournals(context: CliContext): Promise<number> {
  const folder = journalFolder(context.io.folder);
  const waiting = waitingJournals(folder);
  for (const journal of waiting) {
    const { id, imageTag } = journal.document;
    const { apiUrl } = context.config();
    const taken = await context
      .api()
      .recordDirectDeploy({ body: directDeployOf(journal), signal: context.signal() })
      .catch((error: unknown) => {
        throw explain(error, { what: `upload the journal of direct deploy ${shorten(id)}`, apiUrl });
      });
    folder.write({ ...journal, uploadedAt: context.io.clock.now() });
    const notes = taken.notes.map((note) => ` ${note}.`).join("");
    const hosts = `${taken.updatedSandboxIds.length} sandboxes hand their slots over now.`;
    const text = `valet: the API took the journal of direct deploy ${shorten(id)} of ${imageTag}: ${hosts}${notes}`;
    context.io.stderr.write(`${plainText(text)}\n`);
  }
  return waiting.length;
}

/** What the API is told. Deploys that never got beyond being queued or gave way are told as aborted. */
export function directDeployOf({ document, actor, createdAt, isWhole, hosts, decisions }: DirectJournal): DirectDeploy {
  const time = (ms: number) => new Date(ms).toISOString();
  const timeOrNull = (ms: number | null) => (ms === null ? null : time(ms));
  const { id, environment, service, imageTag, imageDigest, previousTag, previousDigest, stateReason, knobs } = document;
  return {
    ...{ id, environment, service, imageTag, imageDigest, previousTag, previousDigest, stateReason, knobs },
    state: endStateOf(document.state),
    isWhole,
    actor,
    createdAt: time(createdAt),
    startedAt: timeOrNull(document.startedAt),
    endedAt: time(document.endedAt ?? createdAt),
    hosts: document.hosts.flatMap((step) => {
      const host = hosts.find(({ key }) => key === step.sandboxId);
      if (!host) return [];
      return {
        sandboxId: host.sandboxId,
        address: host.address,
        agentPort: host.agentPort,
        step: step.step,
        order: step.order,
        reason: step.reason,
        epoch: host.epoch === 0 ? null : host.epoch,
        oldGeneration: step.oldGeneration,
        newGeneration: step.newGeneration,
        reportedDigest: step.reportedDigest,
        startedAt: timeOrNull(step.startedAt),
        endedAt: timeOrNull(step.endedAt),
      };
    }),
    decisions: decisions.map(({ at, summary, data }) => ({ at: time(at), summary, data })),
  };
}

function endStateOf(state: DirectJournal["document"]["state"]): DirectDeploy["state"] {
  return state === "completed" || state === "failed" || state === "rolled_back" ? state : "aborted";
}
