import type { HostOrder, HostStepState } from "@valet/shared";
import { words } from "./tones.ts";

/** The way of a host through a deploy, by order. The last one is where it wants to be. */
export const hostPath: Readonly<Record<HostOrder, readonly HostStepState[]>> = {
  "start-first": ["pending", "starting", "verifying", "handing_over", "updated"],
  "stop-first": ["pending", "cordoned", "draining", "replacing", "verifying", "updated"],
};

export type TrackMark = "done" | "current" | "ahead" | "failed" | "undone";

export interface TrackStop {
  step: HostStepState;
  mark: TrackMark;
}

/**
 * The stops of one host with a mark each. Where a failed or rolled-back host left its path is not in the host row, only whether
 * it had a new generation: so it is marked at its first step, or at the one after.
 */
export function trackOf(order: HostOrder, step: HostStepState, hasNewGeneration: boolean): TrackStop[] {
  const path = hostPath[order];
  const at = path.indexOf(step);
  if (at >= 0) {
    return path.map((stop, index) => ({
      step: stop,
      mark: index < at || step === "updated" ? "done" : index === at ? "current" : "ahead",
    }));
  }
  if (step === "skipped") return path.map((stop) => ({ step: stop, mark: "ahead" }));
  const reached = hasNewGeneration ? 2 : 1;
  return path.map((stop, index) => ({
    step: stop,
    mark: index > reached ? "ahead" : index < reached ? "done" : step === "failed" ? "failed" : "undone",
  }));
}

const barLook: Readonly<Record<TrackMark, string>> = {
  done: "bg-good",
  current: "bg-active track-current",
  ahead: "bg-line-strong",
  failed: "bg-bad",
  undone: "bg-attention",
};

/** The path as a row of bars: full for what is behind, striped for where it is. The words of the step stand beside it. */
export function StepTrack(props: { order: HostOrder; step: HostStepState; hasNewGeneration: boolean }) {
  const stops = trackOf(props.order, props.step, props.hasNewGeneration);
  const path = stops.filter((stop) => stop.step !== "pending");
  return (
    <span
      role="img"
      aria-label={`${words(props.step)}; path ${path.map((stop) => words(stop.step)).join(", ")}`}
      className="flex w-full gap-0.5"
    >
      {path.map((stop) => (
        <span key={stop.step} title={words(stop.step)} className="min-w-0 flex-1">
          <span className={`block h-1.5 rounded-xs ${barLook[stop.mark]}`} />
          <span
            aria-hidden="true"
            className={`mt-1 block pr-1 text-xs leading-tight ${stop.mark === "current" ? "font-medium text-ink" : "text-muted"}`}
          >
            {words(stop.step)}
          </span>
        </span>
      ))}
    </span>
  );
}
