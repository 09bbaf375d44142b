import type { DeployView } from "@valet/contracts";
import {
  Duration,
  EmptyState,
  hostStepTones,
  shortDigest,
  StateMark,
  StepTrack,
  ToneShape,
  useRowWindow,
} from "@valet/ui";
import { IdText } from "../lists/id-text.tsx";

type Host = DeployView["hosts"][number];

/** Every host of a deploy with where it is on its way. Of many hosts, only those near the screen are drawn. */
export function HostList(props: {
  hosts: readonly Host[];
  targetDigest: string | null;
  /** What hosts that are sent back must report. */
  previousDigest: string | null;
}) {
  const { hosts } = props;
  const { listRef, range, measure } = useRowWindow({ count: hosts.length, estimateHeightPx: 76 });
  if (hosts.length === 0) {
    return <EmptyState title="No hosts yet">The hosts are chosen when the deploy starts.</EmptyState>;
  }
  return (
    <ol
      aria-label="Hosts"
      ref={(element) => {
        listRef.current = element;
      }}
      className="panel overflow-clip"
      style={{ paddingTop: range.beforePx, paddingBottom: range.afterPx }}
    >
      {hosts.slice(range.first, range.last).map((host, offset) => (
        <li
          key={host.sandboxId}
          ref={measure(range.first + offset)}
          aria-setsize={hosts.length}
          aria-posinset={range.first + offset + 1}
          tabIndex={-1}
          data-row=""
          data-step={host.step}
          className="border-b border-line px-4 py-3 last:border-b-0"
        >
          <HostRow host={host} targetDigest={isBack(host) ? props.previousDigest : props.targetDigest} />
        </li>
      ))}
    </ol>
  );
}

const isBack = (host: Host): boolean => host.step === "rolling_back" || host.step === "rolled_back";

function HostRow(props: { host: Host; targetDigest: string | null }) {
  const { host } = props;
  const text = host.message || host.reason;
  return (
    <div className="grid gap-x-6 gap-y-2 md:grid-cols-[minmax(9rem,1fr)_minmax(18rem,2fr)_minmax(12rem,1.4fr)]">
      <div className="min-w-0">
        <h3 className="truncate font-semibold">{host.sandboxName}</h3>
        <StateMark state={host.step} tone={hostStepTones[host.step]} />
        {host.startedAt === null ? null : (
          <span className="ml-2 text-xs text-muted">
            <Duration from={host.startedAt} to={host.endedAt} />
          </span>
        )}
      </div>
      <div className="min-w-0">
        <StepTrack order={host.order} step={host.step} hasNewGeneration={host.newGeneration !== null} />
        {text === "" ? null : (
          <p className="mt-1 text-xs text-muted">
            <IdText text={text} />
          </p>
        )}
      </div>
      <div className="min-w-0 text-xs text-muted">
        <p>
          <span className="text-ink tabular-nums">{generationWords(host)}</span>, {host.order}
        </p>
        <Reported host={host} targetDigest={props.targetDigest} />
        <p className="tabular-nums">{activeWords(host.activeTaskCount)}</p>
      </div>
    </div>
  );
}

/** The digest that the processes themselves report, against the one that was asked for. */
function Reported(props: { host: Host; targetDigest: string | null }) {
  const { reportedDigest } = props.host;
  if (reportedDigest === null) return <p>reports no digest yet</p>;
  const isTarget = reportedDigest === props.targetDigest;
  return (
    <p title={reportedDigest} className="flex items-baseline gap-1.5">
      <ToneShape tone={isTarget ? "good" : "waiting"} sizePx={10} />
      <span>
        reports <code className="font-mono">{shortDigest(reportedDigest)}</code>
        {isTarget ? ", as asked" : isBack(props.host) ? ", not yet the old one" : ", not the new one"}
      </span>
    </p>
  );
}

function generationWords(host: Host): string {
  const old = host.oldGeneration === null ? "none before" : `g${host.oldGeneration}`;
  return host.newGeneration === null ? `${old}, no new one yet` : `${old} → g${host.newGeneration}`;
}

/** Unknown is not zero. */
function activeWords(count: number | null): string {
  if (count === null) return "active tasks unknown";
  if (count === 0) return "no active task";
  return `${count} active ${count === 1 ? "task" : "tasks"}`;
}
