import type { DeployView } from "@valet/contracts";
import { durationWords, Figure, useNow } from "@valet/ui";

/** The two clocks and the two promises of a deploy. A clock that still runs is shown running, and says so. */
export function DeployMeasures(props: { deploy: DeployView }) {
  const { deploy } = props;
  const { measures } = deploy;
  const now = useNow();
  const runningMs =
    deploy.startedAt === null || deploy.endedAt !== null ? null : Math.max(0, now - Date.parse(deploy.startedAt));
  const clock = (ms: number | null) =>
    ms !== null
      ? { value: durationWords(ms), note: "stopped" }
      : runningMs !== null
        ? { value: durationWords(runningMs), note: "still running" }
        : { value: "–", note: deploy.startedAt === null ? "not started" : "never reached" };
  const lost = measures.tasksLost;
  const capacity = measures.minCapacityPct;
  return (
    <dl aria-label="Measures" className="panel mt-4 grid grid-cols-2 gap-x-6 gap-y-4 px-4 py-3 lg:grid-cols-4">
      <Figure name="All new work on the new release after" {...clock(measures.newWorkOnNewVersionMs)} />
      <Figure name="Last old task ended after" {...clock(measures.lastOldTaskEndedMs)} />
      <Figure
        name="Lowest capacity"
        value={capacity === null ? "–" : `${Number.isInteger(capacity) ? capacity : capacity.toFixed(1)} %`}
        note={capacity === null ? "not known yet" : capacity >= 100 ? "as promised" : <Broken text="below 100 %" />}
      />
      <Figure
        name="Tasks lost"
        value={lost ?? "–"}
        note={lost === null ? "not known yet" : lost === 0 ? "as promised" : <Broken text="promised 0" />}
      />
    </dl>
  );
}

function Broken(props: { text: string }) {
  return <span className="font-medium text-bad">{props.text}</span>;
}
