import type { ReactNode } from "react";
import type { TrackMark } from "./step-track.tsx";

/** One part of a longer way: `mark` says where the way is in it. */
export interface Stage {
  key: string;
  title: string;
  mark: TrackMark;
  /** Short lines under the title. */
  lines: readonly ReactNode[];
}

const bars: Readonly<Record<TrackMark, string>> = {
  done: "bg-good",
  current: "bg-active track-current",
  ahead: "bg-line-strong",
  failed: "bg-bad",
  undone: "bg-attention",
};

const markWords: Readonly<Record<TrackMark, string>> = {
  done: "done",
  current: "now",
  ahead: "to come",
  failed: "failed here",
  undone: "taken back",
};

/** Stages side by side where there is room, under each other where there is not. The mark is a bar and a word. */
export function StageRow(props: { label: string; stages: readonly Stage[] }) {
  return (
    <ol aria-label={props.label} className="grid gap-x-1 gap-y-3 sm:grid-cols-[repeat(auto-fit,minmax(8.5rem,1fr))]">
      {props.stages.map((stage) => (
        <li
          key={stage.key}
          aria-current={stage.mark === "current" ? "step" : undefined}
          data-mark={stage.mark}
          className="grid min-w-0 grid-cols-[0.375rem_minmax(0,1fr)] gap-x-3 sm:block"
        >
          <span aria-hidden="true" className={`block rounded-xs sm:h-1.5 ${bars[stage.mark]}`} />
          <span className="block min-w-0 pr-3 sm:mt-1.5">
            <span className="flex flex-wrap items-baseline gap-x-2">
              <span className={`font-semibold ${stage.mark === "ahead" ? "text-muted" : ""}`}>{stage.title}</span>
              <span className={`text-xs ${stage.mark === "current" ? "font-medium text-active" : "text-muted"}`}>
                {markWords[stage.mark]}
              </span>
            </span>
            {stage.lines.map((line, index) => (
              <span key={index} className="block text-xs text-muted tabular-nums">
                {line}
              </span>
            ))}
          </span>
        </li>
      ))}
    </ol>
  );
}
