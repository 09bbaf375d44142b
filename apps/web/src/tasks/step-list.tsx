import type { TaskEvent, TaskView } from "@valet/contracts";
import { Duration, ToneShape, type Tone } from "@valet/ui";
import { stepProgress, type StepMark, type StepProgress } from "./step-progress.ts";

type Step = TaskView["spec"]["steps"][number];

const tones: Readonly<Record<StepMark, Tone>> = { waiting: "waiting", running: "active", done: "good", failed: "bad" };
const names: Readonly<Record<StepMark, string>> = {
  waiting: "not started",
  running: "running",
  done: "done",
  failed: "failed",
};

/** What the task does, step by step, and how far the newest attempt is with it. */
export function StepList(props: { steps: readonly Step[]; events: readonly TaskEvent[] }) {
  const progress = stepProgress(props.steps.length, props.events);
  return (
    <ol aria-label="Steps" className="panel divide-y divide-line">
      {props.steps.map((step, index) => (
        <StepRow key={index} step={step} number={index + 1} progress={progress[index]} />
      ))}
    </ol>
  );
}

function StepRow(props: { step: Step; number: number; progress: StepProgress | undefined }) {
  const { step, progress } = props;
  const mark = progress?.mark ?? "waiting";
  const target = stepTarget(step);
  return (
    <li
      aria-current={mark === "running" ? "step" : undefined}
      className="grid grid-cols-[1.5rem_0.75rem_minmax(0,1fr)_auto] items-baseline gap-x-2 px-3 py-2"
    >
      <span className="text-right text-xs text-muted tabular-nums">{props.number}</span>
      <ToneShape tone={tones[mark]} />
      <span className="min-w-0">
        <span className="font-medium">{step.name ?? step.action}</span>
        <span className="sr-only">, {names[mark]}</span>
        {step.name === undefined ? null : <span className="text-muted"> {step.action}</span>}
        {target === "" ? null : <code className="ml-2 font-mono text-xs text-muted">{target}</code>}
        {progress?.message ? <span className="block text-xs text-bad">{progress.message}</span> : null}
      </span>
      <span className="text-xs text-muted">
        {progress?.startedAt && mark !== "waiting" ? (
          <Duration from={progress.startedAt} to={progress.endedAt} />
        ) : null}
      </span>
    </li>
  );
}

/** What a step acts on. Values that are filled in are not shown: they may be private. */
export function stepTarget(step: Step): string {
  if (step.action === "goto") return step.url;
  if (step.action === "press") return `${step.key} in ${step.selector}`;
  if (step.action === "upload") return `${step.fileName} into ${step.selector}`;
  if (step.action === "screenshot") return step.as ?? "";
  if (step.action === "assert") return step.selector ?? step.text ?? step.urlIncludes ?? "";
  if (step.action === "waitFor") return step.selector ?? (step.durationMs === undefined ? "" : `${step.durationMs} ms`);
  return step.selector;
}
