import { taskEventSchema, type ApiClient, type TaskEvent } from "@valet/contracts";
import type { Clock } from "@valet/shared";
import { failureWords } from "../failure.ts";
import { backoffMs } from "../live/connection-state.ts";
import { makeEventParser, type SentEvent } from "./server-sent-events.ts";

export type StreamState = { phase: "live" } | { phase: "broken"; why: string } | { phase: "ended" };

export interface StreamDeps {
  api: Pick<ApiClient, "taskEvents">;
  clock: Clock;
  random: () => number;
  isOver: () => boolean;
  onEvents: (events: TaskEvent[]) => void;
  onState: (state: StreamState) => void;
}

/** Follows the events of a task until it is over or `signal` aborts; resumes from the last one after a break. */
export async function followTaskEvents(deps: StreamDeps, taskId: string, signal: AbortSignal): Promise<void> {
  let cursor: string | null = null;
  let failures = 0;
  while (!signal.aborted) {
    try {
      const headers: Record<string, string> = { accept: "text/event-stream" };
      if (cursor !== null) headers["last-event-id"] = cursor;
      const response = await deps.api.taskEvents({ params: { id: taskId }, headers, signal });
      deps.onState({ phase: "live" });
      await readAll(response, (sent) => {
        failures = 0;
        cursor = sent.id ?? cursor;
        const event = readTaskEvent(sent);
        if (event !== null) deps.onEvents([event]);
      });
      if (deps.isOver()) return deps.onState({ phase: "ended" });
    } catch (error) {
      if (signal.aborted) return;
      deps.onState({ phase: "broken", why: failureWords(error) });
    }
    failures += 1;
    await deps.clock.sleep(backoffMs(failures, deps.random), signal).catch((reason: unknown) => {
      if (!signal.aborted) throw reason;
    });
  }
}

async function readAll(response: Response, onEvent: (event: SentEvent) => void): Promise<void> {
  const parse = makeEventParser(onEvent);
  if (response.body === null) return;
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    parse(value);
  }
}

/** A task event, or null for an event type that a newer API may add. */
function readTaskEvent(sent: SentEvent): TaskEvent | null {
  const parsed = taskEventSchema.safeParse(JSON.parse(sent.data));
  return parsed.success ? parsed.data : null;
}

/** Adds events to those we have: a resumed stream may repeat some; (fence, seq) names an event once. */
export function mergeEvents(before: readonly TaskEvent[], more: readonly TaskEvent[]): TaskEvent[] {
  const known = new Set(before.map(nameOf));
  const fresh = more.filter((event) => !known.has(nameOf(event)));
  if (fresh.length === 0) return before as TaskEvent[];
  return [...before, ...fresh].sort((a, b) => a.fence - b.fence || a.seq - b.seq);
}

function nameOf(event: TaskEvent): string {
  return `${event.fence}.${event.seq}`;
}
