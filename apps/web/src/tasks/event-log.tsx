import type { TaskEvent } from "@valet/contracts";
import { ClockTime, ToneShape, words } from "@valet/ui";
import type { StreamState } from "./task-event-stream.ts";
import { messageOf, stepIndexOf } from "./step-progress.ts";

/** What happened, newest first, as the GH worker wrote it down. */
export function EventLog(props: { events: readonly TaskEvent[]; stream: StreamState }) {
  const { events, stream } = props;
  const fences = new Set(events.map((event) => event.fence)).size;
  return (
    <>
      {stream.phase === "broken" ? (
        <p role="status" className="mb-2 flex items-baseline gap-1.5 text-xs text-muted">
          <ToneShape tone="attention" sizePx={10} />
          Events do not come at the moment, trying again. {stream.why}
        </p>
      ) : null}
      {events.length === 0 ? (
        <p className="text-muted">Nothing happened yet.</p>
      ) : (
        <ol aria-label="Events" aria-live="polite" className="panel max-h-[28rem] overflow-y-auto py-1.5" tabIndex={0}>
          {[...events].reverse().map((event) => (
            <li
              key={`${event.fence}.${event.seq}`}
              className="grid grid-cols-[auto_minmax(0,1fr)_auto] gap-x-3 px-3 py-0.5 text-xs"
            >
              <span className="text-muted">
                <ClockTime at={event.at} />
              </span>
              <span className={event.type === "step_failed" ? "font-medium text-bad" : ""}>{eventWords(event)}</span>
              <span className="text-muted tabular-nums">{fences > 1 ? `fence ${event.fence}` : ""}</span>
            </li>
          ))}
        </ol>
      )}
    </>
  );
}

export function eventWords(event: TaskEvent): string {
  const step = stepIndexOf(event);
  const name = typeof event.data["name"] === "string" ? ` (${event.data["name"]})` : "";
  const status =
    event.type === "finished" && typeof event.data["status"] === "string" ? ` ${words(event.data["status"])}` : "";
  const message = messageOf(event);
  const isStep = event.type.startsWith("step_");
  const what = isStep ? `${name} ${words(event.type).replace(/^step /, "")}` : ` ${words(event.type)}${name}`;
  const about = step === null ? words(event.type) : `step ${step + 1}${what}`;
  return `${about}${status}${message ? `: ${message}` : ""}`;
}
