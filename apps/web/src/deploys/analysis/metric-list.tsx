import type { MetricResult } from "@valet/contracts";
import { durationWords, StateMark, ValueBar } from "@valet/ui";
import { probabilityText, verdictTones } from "./looks.ts";

type Arm = MetricResult["canary"];

/** Each metric of a look: both arms beside each other, the test, and what it concluded. */
export function MetricList(props: { metrics: readonly MetricResult[]; isFinal: boolean }) {
  return (
    <ul aria-label="Metrics" className="divide-y divide-line border-t border-line">
      {props.metrics.map((metric) => (
        <li
          key={metric.name}
          className="grid gap-x-6 gap-y-2 px-4 py-3 sm:grid-cols-2 lg:grid-cols-[minmax(9rem,1fr)_minmax(8rem,1fr)_minmax(8rem,1fr)_minmax(14rem,2fr)]"
        >
          <div className="min-w-0">
            <h3 className="font-semibold">{metricName(metric)}</h3>
            <StateMark
              state={isOpen(metric, props.isFinal) ? "not decided" : metric.verdict}
              tone={isOpen(metric, props.isFinal) ? "waiting" : verdictTones[metric.verdict]}
            />
          </div>
          <ArmValue who="Canary" metric={metric} arm={metric.canary} />
          <ArmValue who="Control" metric={metric} arm={metric.control} />
          <div className="min-w-0 sm:col-span-2 lg:col-span-1">
            <p>{metric.reason}</p>
            <p className="mt-0.5 text-xs text-muted tabular-nums">
              {metric.test === "fisher" ? "Fisher’s exact test" : "Rank test"}:{" "}
              {metric.pValue === null ? "nothing to test" : `p ${probabilityText(metric.pValue)}`}; this look fails it
              at {probabilityText(metric.alphaSpent)} or less
            </p>
          </div>
        </li>
      ))}
    </ul>
  );
}

const isOpen = (metric: MetricResult, isFinal: boolean): boolean => !isFinal && metric.verdict === "inconclusive";

function metricName({ kind, name }: MetricResult): string {
  if (kind === "failure_rate") return "Failed tasks";
  return kind === "duration" ? "Duration of good tasks" : name;
}

function ArmValue(props: { who: "Canary" | "Control"; metric: MetricResult; arm: Arm }) {
  const { who, metric, arm } = props;
  const longest = Math.max(valueOf(metric, metric.canary) ?? 0, valueOf(metric, metric.control) ?? 0);
  const value = valueOf(metric, arm);
  return (
    <div className="min-w-0">
      <p className="text-xs text-muted">{who}</p>
      <ValueBar
        text={armText(metric, arm)}
        note={armNote(metric, arm)}
        share={value === null || longest === 0 ? 0 : value / longest}
        tone={who === "Canary" ? "active" : "waiting"}
      />
    </div>
  );
}

function valueOf(metric: MetricResult, arm: Arm): number | null {
  if (metric.kind === "failure_rate") return arm.n === 0 ? null : (arm.bad ?? 0) / arm.n;
  return arm.median ?? null;
}

function armText(metric: MetricResult, arm: Arm): string {
  if (metric.kind === "failure_rate") return `${arm.bad ?? 0} of ${arm.n}`;
  if (arm.median === null || arm.median === undefined) return "none";
  return metric.kind === "duration" ? `median ${durationWords(arm.median)}` : `median ${arm.median}`;
}

function armNote(metric: MetricResult, arm: Arm): string {
  const value = valueOf(metric, arm);
  const main =
    metric.kind === "failure_rate" ? (value === null ? "no task yet" : `${Math.round(value * 100)} %`) : `of ${arm.n}`;
  return arm.running ? `${main}, ${arm.running} still running` : main;
}
