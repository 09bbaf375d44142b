import type { DeployView } from "@valet/contracts";
import { Button, ClockTime } from "@valet/ui";
import { useState } from "react";
import { Actor } from "../../lists/actor.tsx";
import { IdText } from "../../lists/id-text.tsx";

type Decision = DeployView["decisions"][number];
const shownAtFirst = 8;

/** What was decided, when, by whom and on what facts. */
export function DecisionJournal(props: { decisions: readonly Decision[] }) {
  const [showsAll, setShowsAll] = useState(false);
  const newestFirst = [...props.decisions].sort((a, b) => b.seq - a.seq);
  const shown = showsAll ? newestFirst : newestFirst.slice(0, shownAtFirst);
  if (newestFirst.length === 0) return <p className="text-muted">Nothing was decided yet.</p>;
  return (
    <>
      <ol aria-label="Decisions" className="panel divide-y divide-line">
        {shown.map((decision) => (
          <DecisionRow key={decision.seq} decision={decision} />
        ))}
      </ol>
      {shown.length < newestFirst.length ? (
        <Button className="mt-2" onClick={() => setShowsAll(true)}>
          Show all {newestFirst.length}
        </Button>
      ) : null}
    </>
  );
}

function DecisionRow(props: { decision: Decision }) {
  const { decision } = props;
  const hasFacts = Object.keys(decision.data).length > 0;
  const line = (
    <span className="grid min-w-0 flex-1 grid-cols-[auto_minmax(0,1fr)] gap-x-4 gap-y-0.5 sm:grid-cols-[auto_minmax(0,1fr)_auto]">
      <span className="text-muted">
        <ClockTime at={decision.at} />
      </span>
      <span>
        <IdText text={decision.summary} plain={hasFacts} />
      </span>
      <span className="col-start-2 text-xs text-muted sm:col-start-3">
        <Actor actor={decision.actor} />
      </span>
    </span>
  );
  if (!hasFacts) return <li className="flex py-1.5 pr-4 pl-9">{line}</li>;
  return (
    <li className="py-1.5 pr-4 pl-4">
      <details>
        <summary className="flex cursor-pointer list-none items-start before:w-5 before:shrink-0 before:text-xs before:text-muted before:content-['▸'] [[open]>&]:before:content-['▾']">
          {line}
        </summary>
        <pre className="mt-1 ml-5 max-h-80 overflow-auto rounded bg-canvas p-3 font-mono text-xs whitespace-pre-wrap">
          {JSON.stringify(decision.data, null, 2)}
        </pre>
      </details>
    </li>
  );
}
