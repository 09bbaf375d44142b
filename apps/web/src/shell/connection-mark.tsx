import { assertNever } from "@valet/shared";
import { Button, ToneShape, useNow, type Tone } from "@valet/ui";
import { useLive } from "../live/live-provider.tsx";
import type { ConnectionState } from "../live/connection-state.ts";

/** Whether what is on the screen follows the system by itself. */
export function ConnectionMark() {
  const { state, retryNow } = useLive();
  const now = useNow();
  const { tone, text } = connectionWords(state, now);
  const mark = (
    <>
      <ToneShape tone={tone} />
      <span>{text}</span>
    </>
  );
  return (
    <div role="status" aria-label="Live updates" className="mr-1 flex items-center text-xs">
      {state.phase === "waiting" ? (
        <Button kind="bare" size="small" onClick={retryNow} title="Try again now">
          {mark}
        </Button>
      ) : (
        <span className="flex items-baseline gap-1.5 px-2 font-medium">{mark}</span>
      )}
    </div>
  );
}

export function connectionWords(state: ConnectionState, nowMs: number): { tone: Tone; text: string } {
  switch (state.phase) {
    case "open":
      return { tone: "good", text: "Live" };
    case "connecting":
      return { tone: "active", text: state.attempt === 0 ? "Connecting" : "Reconnecting" };
    case "waiting": {
      const seconds = Math.max(0, Math.ceil((state.retryAtMs - nowMs) / 1000));
      return { tone: "attention", text: seconds === 0 ? "Reconnecting" : `Not live, retry in ${seconds} s` };
    }
    case "denied":
      return { tone: "bad", text: "Signed out" };
    case "stopped":
      return { tone: "quiet", text: "Not live" };
    default:
      return assertNever(state);
  }
}
