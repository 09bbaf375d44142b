import type { TaskView } from "@valet/contracts";
import { attemptTones, ClockTime, Duration, Release, StateMark } from "@valet/ui";

/** Every try of the task: where it ran, on what release, under which fence, and how it ended. */
export function AttemptList(props: { attempts: TaskView["attempts"] }) {
  if (props.attempts.length === 0) return <p className="text-muted">It was not given to a sandbox yet.</p>;
  return (
    <ol aria-label="Attempts" className="panel divide-y divide-line">
      {[...props.attempts]
        .sort((a, b) => b.fence - a.fence)
        .map((attempt) => (
          <li key={attempt.fence} className="grid gap-x-4 gap-y-0.5 px-3 py-2 sm:grid-cols-[9rem_minmax(0,1fr)_auto]">
            <div>
              {attempt.outcome === null ? (
                <StateMark state={attempt.acknowledgedAt === null ? "reserved" : "running"} tone="active" />
              ) : (
                <StateMark state={attempt.outcome} tone={attemptTones[attempt.outcome]} />
              )}
              <span className="block text-xs text-muted tabular-nums">
                attempt {attempt.number}, fence {attempt.fence}
              </span>
            </div>
            <div className="min-w-0">
              <span>
                {attempt.sandboxName}, slot {attempt.slot}, g{attempt.generation}
              </span>
              <span className="block text-xs">
                <Release tag={attempt.releaseTag} digest={attempt.releaseDigest} />
              </span>
              {attempt.reason ? <span className="block text-xs text-muted">{attempt.reason}</span> : null}
            </div>
            <div className="text-xs text-muted sm:text-right">
              <ClockTime at={attempt.reservedAt} />
              <span className="ml-2 sm:ml-0 sm:block">
                <Duration from={attempt.acknowledgedAt ?? attempt.reservedAt} to={attempt.endedAt} />
              </span>
            </div>
          </li>
        ))}
    </ol>
  );
}
