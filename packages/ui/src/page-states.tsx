import type { ReactNode } from "react";
import { Button } from "./button.tsx";
import { ToneShape } from "./state-mark.tsx";

/** Nothing to show, and what to do about it. */
export function EmptyState(props: { title: string; children?: ReactNode }) {
  return (
    <div className="rounded-lg border border-dashed border-line-strong px-6 py-12 text-center">
      <p className="text-base font-semibold">{props.title}</p>
      {props.children ? <div className="mx-auto mt-1 max-w-prose text-sm text-muted">{props.children}</div> : null}
    </div>
  );
}

/** What failed, in words, and the way to try again. `stale` stands above data that is still shown. */
export function ErrorState(props: { what: string; why: string; onRetry?: () => void; stale?: boolean }) {
  return (
    <div
      role="alert"
      className={`flex flex-wrap items-center gap-x-4 gap-y-2 rounded-lg border border-bad/40 bg-bad-wash px-4 ${props.stale ? "py-2" : "py-4"}`}
    >
      <div className="flex min-w-0 flex-1 basis-72 items-baseline gap-2">
        <ToneShape tone="bad" />
        <div className="min-w-0">
          <p className="text-sm font-semibold">{props.what}</p>
          <p className="text-sm break-words text-muted">{props.why}</p>
        </div>
      </div>
      {props.onRetry ? <Button onClick={props.onRetry}>Try again</Button> : null}
    </div>
  );
}

/** Grey lines where rows will be. Announced once as loading. */
export function RowSkeletons(props: { rows: number; heightPx: number; what: string }) {
  return (
    <div role="status" aria-label={`Loading ${props.what}`} className="divide-y divide-line">
      {Array.from({ length: props.rows }, (_, row) => (
        <div key={row} aria-hidden="true" className="flex items-center gap-6 px-3" style={{ height: props.heightPx }}>
          <Bone widthPercent={18 + ((row * 7) % 9)} />
          <Bone widthPercent={10} />
          <Bone widthPercent={24 - ((row * 5) % 11)} />
          <Bone widthPercent={12} />
        </div>
      ))}
    </div>
  );
}

function Bone(props: { widthPercent: number }) {
  return <span className="bone h-3 rounded bg-sunken" style={{ width: `${props.widthPercent}%` }} />;
}
