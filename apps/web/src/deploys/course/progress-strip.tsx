import type { DeployView } from "@valet/contracts";
import { ClockTime, Duration, StageRow, durationWords, useNow } from "@valet/ui";
import { IdText } from "../../lists/id-text.tsx";
import { leavesStepsOut, stagesOf } from "./stages.ts";

/** How a deploy proceeds, by its strategy: what is behind it, where it is, what comes. */
export function ProgressStrip(props: { deploy: DeployView }) {
  const { deploy } = props;
  const { knobs, progress } = deploy;
  const stages = stagesOf(deploy).map((stage) => ({
    ...stage,
    lines: stage.endsAt === null ? stage.lines : [...stage.lines, <TimeLeft key="left" at={stage.endsAt} />],
  }));
  return (
    <section aria-label="Progress" className="panel mt-4 px-4 py-3">
      <p className="mb-3">
        <span className="font-semibold capitalize">{knobs.strategy}</span>
        <span className="text-muted">
          {knobs.order === "stop-first" ? ", stop-first" : ""}
          {leavesStepsOut(deploy) ? ", without its steps" : ""}
        </span>
        {progress.text === "" ? null : (
          <span className="ml-3">
            <IdText text={deploy.state === "paused" ? "stands still" : progress.text} />
          </span>
        )}
      </p>
      <StageRow label="Stages" stages={stages} />
      <WayBack deploy={deploy} />
    </section>
  );
}

function TimeLeft(props: { at: string }) {
  const leftMs = Date.parse(props.at) - useNow();
  if (leftMs <= 0) return <span className="text-ink">bake is over</span>;
  return <span className="font-medium text-ink">{durationWords(leftMs)} left</span>;
}

/** While the old generations are warm, going back takes seconds. */
function WayBack(props: { deploy: DeployView }) {
  const { deploy } = props;
  const now = useNow();
  if (deploy.state !== "completed" || deploy.endedAt === null || deploy.previousTag === null) return null;
  const until = new Date(Date.parse(deploy.endedAt) + deploy.knobs.rollbackWindowMs).toISOString();
  if (Date.parse(until) <= now) return null;
  return (
    <p className="mt-3 text-sm text-muted">
      {deploy.previousTag} stays warm until <ClockTime at={until} />, for another{" "}
      <Duration from={new Date(now).toISOString()} to={until} />: a rollback goes everywhere at once.
    </p>
  );
}
