import { type TaskEvent, routes, taskEventSchema, urlOf } from "@valet/contracts";
import type { CliContext } from "../context.ts";
import { explain } from "../explain.ts";
import { CliFailure } from "../failure.ts";
import { plainText } from "../plain-text.ts";
import { resolveId, shorten } from "../short-ids.ts";
import { type ServerSentEvent, serverSentEvents } from "../server-sent-events.ts";
import { loadTask } from "./show-task.ts";

/** How often in a row a stream may break without a single event before we give up. */
const attemptsInARow = 10;
const retryMs = 1000;

/** Prints a task's events until it has ended; a broken stream is resumed behind the last event seen. */
export async function taskEvents(context: CliContext, given: string): Promise<void> {
  const id = await resolveId(context, "task", given);
  let lastId: string | null = null;
  for (let failures = 0; ;) {
    try {
      for await (const sent of openStream(context, id, lastId)) {
        failures = 0;
        lastId = sent.id ?? lastId;
        printEvent(context, sent);
      }
      return;
    } catch (error) {
      const failure = explain(error, {
        what: `read the events of task ${shorten(id)}`,
        apiUrl: context.config().apiUrl,
        listCommand: "valet tasks list",
      });
      failures += 1;
      if (!failure.isPassing || failures >= attemptsInARow || (lastId === null && failures > 1)) throw failure;
      await context.io.clock.sleep(retryMs, context.io.signal);
    }
  }
}

async function* openStream(context: CliContext, id: string, lastId: string | null): AsyncGenerator<ServerSentEvent> {
  const { apiUrl, token } = context.config();
  // The typed client speaks first: it tells 401 and 404 as every other command does.
  await loadTask(context, id);
  const response = await fetch(apiUrl + urlOf(routes.taskEvents, { params: { id } }), {
    headers: {
      accept: "text/event-stream",
      ...(token ? { authorization: `Bearer ${token.reveal()}` } : {}),
      ...(lastId ? { "last-event-id": lastId } : {}),
    },
    signal: context.io.signal,
  });
  if (!response.ok || !response.body) {
    throw new CliFailure(`Could not read the events of task ${shorten(id)}: HTTP ${response.status}`, {
      code: "http_error",
      isPassing: response.status >= 500,
    });
  }
  yield* serverSentEvents(response.body);
}

function printEvent(context: CliContext, sent: ServerSentEvent): void {
  const parsed = taskEventSchema.safeParse(JSON.parse(sent.data));
  // A kind of event that a newer API knows and we do not.
  if (!parsed.success) return;
  const event = parsed.data;
  context.io.stdout.write(`${context.json ? JSON.stringify(event) : eventText(event)}\n`);
}

function eventText({ at, fence, seq, type, data }: TaskEvent): string {
  const facts = Object.entries(data).map(([name, value]) => {
    const text = typeof value === "string" ? value : JSON.stringify(value);
    return `${name}=${text.length > 100 ? `${text.slice(0, 99)}…` : text}`;
  });
  return plainText(`${at.slice(11, 19)}  ${fence}.${seq}  ${type}  ${facts.join(" ")}`);
}
