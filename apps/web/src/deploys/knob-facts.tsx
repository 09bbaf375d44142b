import type { DeployView } from "@valet/contracts";
import { spanWords } from "@valet/ui";

type Knobs = DeployView["knobs"];

/** How a deploy proceeds, knob by knob. */
export function KnobList(props: { knobs: Knobs }) {
  return (
    <dl className="panel grid gap-x-8 gap-y-1 px-4 py-3 sm:grid-cols-2 lg:grid-cols-3">
      {Object.entries(props.knobs).map(([knob, value]) => (
        <div key={knob} className="flex justify-between gap-4">
          <dt className="shrink-0 text-muted">{knob.replace(/Ms$/, "")}</dt>
          <dd className="text-right tabular-nums">{knobText(knob, value)}</dd>
        </div>
      ))}
    </dl>
  );
}

function knobText(knob: string, value: Knobs[keyof Knobs]): string {
  if (Array.isArray(value)) {
    return value.map((step) => `${step.hosts} at ${step.taskSharePct} % for ${spanWords(step.bakeMs)}`).join("; ");
  }
  if (knob.endsWith("Ms") && typeof value === "number") return spanWords(value);
  if (typeof value === "boolean") return value ? "yes" : "no";
  return String(value);
}
