import type { ReactNode } from "react";

/** One measured value with its name; `note` says what it means or that it is still moving. */
export function Figure(props: { name: string; value: ReactNode; note?: ReactNode }) {
  return (
    <div className="min-w-0">
      <dt className="text-xs text-muted">{props.name}</dt>
      <dd className="mt-0.5 text-xl font-semibold tabular-nums">{props.value}</dd>
      {props.note ? <dd className="mt-0.5 text-xs text-muted">{props.note}</dd> : null}
    </div>
  );
}

/** Name and value on one line, for the facts beside a heading. */
export function Fact(props: { name: string; children: ReactNode }) {
  return (
    <div className="flex min-w-0 gap-1.5 text-sm">
      <dt className="shrink-0 text-muted">{props.name}</dt>
      <dd className="min-w-0 truncate">{props.children}</dd>
    </div>
  );
}

/** A titled part of a page. */
export function Section(props: { title: string; aside?: ReactNode; children: ReactNode; id?: string }) {
  return (
    <section aria-label={props.title} id={props.id} className="mt-8">
      <div className="mb-2 flex flex-wrap items-end justify-between gap-x-4 gap-y-2">
        <h2 className="text-base font-semibold">{props.title}</h2>
        {props.aside}
      </div>
      {props.children}
    </section>
  );
}
