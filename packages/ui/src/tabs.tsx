import type { ReactNode } from "react";

/** A row of links to the parts of a page; `children` are links with `tabClass`. */
export function Tabs(props: { label: string; children: ReactNode }) {
  return (
    <nav aria-label={props.label} className="mt-6 flex gap-5 overflow-x-auto border-b border-line">
      {props.children}
    </nav>
  );
}

export function tabClass(isCurrent: boolean): string {
  return `-mb-px border-b-2 py-2 text-sm font-medium whitespace-nowrap ${isCurrent ? "border-ink text-ink" : "border-transparent text-muted hover:text-ink"}`;
}
