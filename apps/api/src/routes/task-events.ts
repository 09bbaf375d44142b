import { routes } from "@valet/contracts";
import { type TaskEventRow, getTask, taskEventsAfter } from "@valet/db";
import { UserError, isTerminal, taskTransitions } from "@valet/shared";
import type { FastifyInstance, FastifyReply } from "fastify";
import type { ApiContext } from "../context.ts";
import { mount, sent } from "../mount.ts";
import { foundTask } from "./tasks.ts";

const pageSize = 200;
/** A missed wake-up is covered by looking again. */
const recheckMs = 1_000;
const pulseMs = 15_000;
const mostBufferedBytes = 1_000_000;

/** GET /tasks/:id/events: server-sent, resumable by Last-Event-ID; ends when the task has ended and all was sent. */
export function taskEventRoutes(app: FastifyInstance, context: ApiContext): void {
  mount(app, routes.taskEvents, async ({ params, principal, request, reply }) => {
    await foundTask(context.db, params.id, principal);
    const lastId = lastEventIdOf(request.headers["last-event-id"]);
    reply.hijack();
    reply.raw.writeHead(200, {
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-store",
      "x-accel-buffering": "no",
    });
    reply.raw.write(": events follow\n\n");
    await stream(context, params.id, lastId, reply).catch((cause: unknown) => {
      request.log.warn({ event: "task_events_failed", err: cause }, "a stream of task events broke");
      reply.raw.destroy();
    });
    return sent;
  });
}

/** A stream that is cut off (shutdown, a slow reader) is destroyed, not ended: an end means that the task has ended. */
async function stream(context: ApiContext, taskId: string, fromId: number, reply: FastifyReply): Promise<void> {
  const { db, hub, stopping } = context;
  const gone = new AbortController();
  reply.raw.once("close", () => gone.abort(new Error("the reader left")));
  const signal = AbortSignal.any([gone.signal, stopping]);
  const waker = makeWaker(signal);
  const unsubscribe = hub.subscribe((event) => {
    if (event.payload.taskId === taskId) waker.wake();
  });
  const pulse = setInterval(() => reply.raw.write(": pulse\n\n"), pulseMs);
  try {
    for (let lastId = fromId; !signal.aborted;) {
      const task = await getTask(db, taskId);
      const events = await taskEventsAfter(db, taskId, lastId, pageSize);
      for (const event of events) reply.raw.write(sentEvent(event));
      lastId = events.at(-1)?.id ?? lastId;
      if (reply.raw.writableLength > mostBufferedBytes) break;
      if (events.length === pageSize) continue;
      if (!task || isTerminal(taskTransitions, task.state)) return void reply.raw.end();
      await waker.sleep(recheckMs);
    }
    reply.raw.destroy();
  } finally {
    clearInterval(pulse);
    unsubscribe();
  }
}

function sentEvent({ id, fence, seq, type, at, data }: TaskEventRow): string {
  return `id: ${id}\nevent: ${type}\ndata: ${JSON.stringify({ fence, seq, type, at: at.toISOString(), data })}\n\n`;
}

/** Sleeps until woken, aborted or the time is over; a wake-up between two sleeps is not lost. */
function makeWaker(signal: AbortSignal) {
  let isAwake = false;
  let rouse: (() => void) | null = null;
  const wake = () => {
    isAwake = true;
    rouse?.();
  };
  signal.addEventListener("abort", wake, { once: true });
  return {
    wake,
    async sleep(ms: number): Promise<void> {
      if (!isAwake)
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, ms);
          rouse = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      rouse = null;
      isAwake = false;
    },
  };
}

function lastEventIdOf(header: string | string[] | undefined): number {
  if (header === undefined || header === "") return 0;
  if (typeof header === "string" && /^\d{1,15}$/.test(header)) return Number(header);
  const message = "the id of an event of this stream: digits only";
  throw new UserError("validation", `Last-Event-ID: ${message}`, [
    { field: "Last-Event-ID", message, code: "invalid_format" },
  ]);
}
