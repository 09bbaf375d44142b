import { type Database, getTask, takeWebhookNotes } from "@valet/db";
import type { Clock, Secret, TaskState } from "@valet/shared";
import { Logger, type Runner, type TaskList, parseCrontab, run } from "graphile-worker";
import { z } from "zod";
import { makeBackoff } from "../backoff.ts";
import { type Bell, ignoreAbort } from "../bell.ts";
import { type Log, messageOf } from "../log.ts";
import type { ControlLoop } from "./loop.ts";
import { prune } from "./prune.ts";
import { callWebhook, webhookBody, webhookSecret } from "./webhook.ts";

export interface OutboxDeps {
  db: Database;
  /** A connection of its own, never through a transaction pooler. */
  directUrl: Secret;
  sealKey: Secret;
  allowedPrivateHosts: ReadonlySet<string>;
  clock: Clock;
  log: Log;
  signal: AbortSignal;
}

const schema = "graphile_worker";
const deliverTask = "deliver_webhook";
const pruneTask = "prune";
/** graphile-worker waits e^n seconds before try n + 1: ten tries span about six hours. */
const mostTries = 10;
const notesAtOnce = 100;
/** Minutes past the hour; one control worker runs it, however many there are. */
const crontab = `*/15 * * * * ${pruneTask}`;

const deliverySchema = z.object({ noteId: z.number(), taskId: z.string(), state: z.string(), at: z.string() });

/** Moves notes from the outbox table to the job queue: both in the one database, so in one transaction. */
export function outboxLoop(deps: { db: Database; bell: Bell }): ControlLoop {
  return {
    name: "outbox",
    everyMs: 1_000,
    bell: deps.bell,
    async round() {
      const taken = await deps.db.tx(async (tx) => {
        const notes = await takeWebhookNotes(tx, notesAtOnce);
        for (const note of notes)
          await tx.query(`SELECT ${schema}.add_job($1, payload := $2::json, job_key := $3, max_attempts := $4)`, [
            deliverTask,
            JSON.stringify({ noteId: note.id, taskId: note.taskId, state: note.state, at: note.at.toISOString() }),
            `webhook:${note.id}`,
            mostTries,
          ]);
        return notes.length;
      });
      return taken === notesAtOnce ? "again" : "idle";
    },
  };
}

/** Keeps graphile-worker running until the signal aborts; when it ends by itself (Postgres restarted) it is started anew. */
export async function runOutbox(deps: OutboxDeps): Promise<void> {
  const { clock, log, signal } = deps;
  const backoff = makeBackoff(250, 10_000);
  while (!signal.aborted) {
    try {
      await runOnce(deps, backoff.reset);
    } catch (error) {
      if (backoff.failures === 0 && !signal.aborted) log.error({ event: "outbox_failed", reason: messageOf(error) });
    }
    await clock.sleep(backoff.next(), signal).catch(ignoreAbort);
  }
}

async function runOnce(deps: OutboxDeps, onStarted: () => void): Promise<void> {
  const { signal } = deps;
  const runner: Runner = await run({
    connectionString: deps.directUrl.reveal(),
    schema,
    concurrency: 5,
    maxPoolSize: 4,
    pollInterval: 2_000,
    noHandleSignals: true,
    logger: quietLogger(deps.log),
    taskList: taskList(deps),
    parsedCronItems: parseCrontab(crontab),
  });
  onStarted();
  const stop = () => {
    // `stop` rejects when the runner ended by itself in the same moment; its own promise tells.
    runner.stop().catch((error: unknown) => deps.log.debug({ event: "outbox_stop", reason: messageOf(error) }));
  };
  if (signal.aborted) stop();
  signal.addEventListener("abort", stop, { once: true });
  try {
    await runner.promise;
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

export function taskList(deps: Pick<OutboxDeps, "db" | "log" | "sealKey" | "allowedPrivateHosts">): TaskList {
  const { db, log } = deps;
  return {
    [deliverTask]: async (payload) => {
      const note = deliverySchema.parse(payload);
      const task = await getTask(db, note.taskId);
      if (!task?.webhookUrl) return;
      const delivered = await callWebhook({
        url: task.webhookUrl,
        messageId: `task-${note.taskId}-${note.noteId}`,
        secret: webhookSecret(deps.sealKey, task.tenantId),
        body: webhookBody(task, { state: note.state as TaskState, at: new Date(note.at) }),
        allowedPrivateHosts: deps.allowedPrivateHosts,
      });
      const { taskId } = note;
      if (delivered.ok) return log.info({ event: "webhook_delivered", taskId });
      if (delivered.error.kind === "gone")
        return log.warn({ event: "webhook_given_up", taskId, reason: delivered.error.message });
      // Thrown for graphile-worker: it tries again, later each time.
      throw new Error(`webhook of task ${taskId}: ${delivered.error.message}`);
    },
    [pruneTask]: () => prune({ db, log }),
  };
}

/** graphile-worker's own lines: its errors are worth a line here, the rest is for debugging. */
function quietLogger(log: Log): Logger {
  return new Logger(() => (level, message) => {
    const fields = { event: "outbox_library", message };
    if (level === "error") log.warn(fields);
    else log.debug(fields);
  });
}
