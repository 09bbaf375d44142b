import type { DeployView } from "@valet/contracts";
import { durationWords } from "@valet/ui";

/** How this deploy proceeds, as it was configured. */
export function KnobFacts(props: { knobs: DeployView["knobs"] }) {
  return (
    <details className="mt-8">
      <summary className="cursor-pointer text-base font-semibold">How it proceeds</summary>
      <dl className="panel mt-2 grid gap-x-8 gap-y-1 px-4 py-3 sm:grid-cols-2 lg:grid-cols-3">
        {Object.entries(props.knobs).map(([knob, value]) => (
          <div key={knob} className="flex justify-between gap-4">
            <dt className="text-muted">{knob.replace(/Ms$/, "")}</dt>
            <dd className="tabular-nums">
              {knob.endsWith("Ms") && typeof value === "number" ? durationWords(value) : String(value)}
            </dd>
          </div>
        ))}
      </dl>
    </details>
  );
}
