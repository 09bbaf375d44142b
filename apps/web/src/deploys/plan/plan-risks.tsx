import type { PlanRisk } from "@valet/contracts";
import { durationWords } from "@valet/ui";

const mostShown = 20;

/** Tasks that may outlast their host's drain deadline, most likely first, and what would be done to them. */
export function PlanRisks(props: { risks: readonly PlanRisk[]; total: number }) {
  const { risks, total } = props;
  if (total === 0) return null;
  const shown = risks.slice(0, mostShown);
  return (
    <>
      <h3 className="mt-4 font-semibold">Tasks at risk</h3>
      <ol aria-label="Tasks at risk" className="mt-1 divide-y divide-line border-y border-line">
        {shown.map((risk) => (
          <li
            key={risk.taskId}
            className="grid gap-x-4 py-1.5 tabular-nums sm:grid-cols-[12rem_minmax(0,1fr)_minmax(0,1fr)]"
          >
            <span>
              <code title={risk.taskId} className="font-mono text-xs">
                {risk.taskId.slice(0, 8)}
              </code>{" "}
              <span className="text-muted">on {risk.sandboxName}</span>
            </span>
            <span>
              {Math.round(risk.chancePastDeadline * 100)} % past its deadline
              <span className="text-muted"> in {durationWords(risk.drainDeadlineInMs)}</span>
            </span>
            <span className="text-muted">then {risk.then}</span>
          </li>
        ))}
      </ol>
      {total > shown.length ? <p className="mt-1 text-xs text-muted">and {total - shown.length} more</p> : null}
    </>
  );
}
