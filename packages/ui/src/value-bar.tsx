import type { ReactNode } from "react";
import type { Tone } from "./tones.ts";

const fills: Readonly<Record<"bad" | "waiting" | "active", string>> = {
  bad: "bg-bad",
  waiting: "bg-waiting",
  active: "bg-active",
};

/** A value with a bar beneath, so that two of them can be compared at a glance. `share` is 0–1 of the longest. */
export function ValueBar(props: {
  text: ReactNode;
  note?: ReactNode;
  share: number;
  tone: Extract<Tone, keyof typeof fills>;
}) {
  const percent = Math.min(100, Math.max(0, props.share * 100));
  return (
    <span className="block min-w-0 tabular-nums">
      <span className="font-medium">{props.text}</span>
      {props.note ? <span className="ml-1.5 text-xs text-muted">{props.note}</span> : null}
      <span aria-hidden="true" className="mt-1 block h-1.5 w-full overflow-hidden rounded-xs bg-sunken">
        <span className={`block h-full ${fills[props.tone]}`} style={{ width: `${percent}%` }} />
      </span>
    </span>
  );
}
