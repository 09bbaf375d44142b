import type { ReactNode } from "react";
import { ToneShape } from "./state-mark.tsx";
import type { Tone } from "./tones.ts";

/** Something to know before reading on: a shape, a title, and what it means. */
export function Notice(props: { tone: Tone; title: ReactNode; children?: ReactNode }) {
  return (
    <div className="panel mt-4 px-4 py-3">
      <h2 className="flex items-baseline gap-1.5 text-sm font-semibold">
        <ToneShape tone={props.tone} />
        <span className="min-w-0">{props.title}</span>
      </h2>
      {props.children ? <div className="mt-1 pl-[18px]">{props.children}</div> : null}
    </div>
  );
}
