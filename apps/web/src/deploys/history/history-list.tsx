import { useInfiniteQuery } from "@tanstack/react-query";
import type { DeployHistory, DeployView } from "@valet/contracts";
import { Button, ClockTime, EmptyState, ErrorState, RowSkeletons, words } from "@valet/ui";
import { useApp } from "../../app-context.tsx";
import { failureWords } from "../../failure.ts";
import { Actor } from "../../lists/actor.tsx";
import { IdText } from "../../lists/id-text.tsx";
import { keys } from "../../query-keys.ts";

type Entry = DeployHistory["entries"][number];
const savesAPage = 100;

/** Every save of a deploy, newest first: what was decided, by whom, and what was seen just before. */
export function HistoryList(props: { deploy: DeployView }) {
  const { api } = useApp();
  const { id, revision } = props.deploy;
  const query = useInfiniteQuery({
    queryKey: [...keys.deploy(id), "history"],
    queryFn: ({ pageParam: { after, limit }, signal }) =>
      api.deployHistory({ params: { id }, query: { after, limit }, signal }),
    // The newest page grows while the deploy goes on; older ones are whole.
    initialPageParam: { after: Math.max(0, revision - savesAPage), limit: 500 },
    getNextPageParam: (_page, _pages, { after }) =>
      after === 0 ? null : { after: Math.max(0, after - savesAPage), limit: Math.min(savesAPage, after) },
  });
  if (query.data === undefined) {
    if (query.error !== null && !query.isFetching) {
      const retry = () => void query.refetch();
      return <ErrorState what="The history could not be loaded" why={failureWords(query.error)} onRetry={retry} />;
    }
    return (
      <div className="panel">
        <RowSkeletons rows={8} heightPx={44} what="The history" />
      </div>
    );
  }
  const entries = query.data.pages.flatMap((page) => [...page.entries].reverse()).filter(hasNews);
  if (entries.length === 0) {
    return (
      <EmptyState title="Nothing was decided yet">Each decision is kept here with what it was made from.</EmptyState>
    );
  }
  return (
    <>
      <ol aria-label="History" className="panel divide-y divide-line">
        {entries.map((entry) => (
          <EntryRow key={entry.revision} entry={entry} />
        ))}
      </ol>
      {query.hasNextPage ? (
        <Button className="mt-2" busy={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
          Show older
        </Button>
      ) : null}
    </>
  );
}

const hasNews = (entry: Entry): boolean => entry.decisions.length > 0 || entry.observed.sandboxesChanged > 0;

function EntryRow(props: { entry: Entry }) {
  const { entry } = props;
  const [first] = entry.decisions;
  return (
    <li className="px-4 py-2">
      <details>
        <summary className="flex cursor-pointer list-none items-start before:w-5 before:shrink-0 before:text-xs before:text-muted before:content-['▸'] [[open]>&]:before:content-['▾']">
          <span className="grid min-w-0 flex-1 gap-x-4 gap-y-0.5 sm:grid-cols-[9rem_minmax(0,1fr)_9rem]">
            <span className="text-muted">
              <ClockTime at={entry.at} />
            </span>
            <span className="min-w-0">
              {entry.decisions.map((decision) => (
                <span key={decision.seq} className="block">
                  <IdText text={decision.summary} plain />
                </span>
              ))}
              {first === undefined ? <span className="text-muted">nothing decided, {seenText(entry)}</span> : null}
            </span>
            <span className="text-xs text-muted sm:text-right">
              {first === undefined ? null : <Actor actor={first.actor} />}
              <span className="ml-2 tabular-nums sm:ml-0 sm:block">
                {words(entry.state)}, save {entry.revision}
              </span>
            </span>
          </span>
        </summary>
        <Observed entry={entry} />
      </details>
    </li>
  );
}

function seenText({ observed }: Entry): string {
  const count = observed.sandboxesChanged;
  return `${count} ${count === 1 ? "host" : "hosts"} seen changed`;
}

/** What was new to the engine at this save. */
function Observed(props: { entry: Entry }) {
  const { observed, decisions } = props.entry;
  const more = observed.sandboxesChanged - observed.sandboxes.length;
  const data = decisions.filter((decision) => Object.keys(decision.data).length > 0);
  return (
    <div className="mt-2 ml-5 space-y-2 text-xs">
      <p className="text-muted">Seen before it was decided: {seenText(props.entry)}</p>
      <dl className="grid gap-x-4 gap-y-1 sm:grid-cols-[8rem_minmax(0,1fr)]">
        <Seen name="environment" changed={observed.environment} />
        {observed.sandboxes.map((sandbox) => (
          <Seen key={sandbox.sandboxId} name={sandbox.sandboxName} changed={sandbox.changed} />
        ))}
      </dl>
      {more > 0 ? <p className="text-muted">and {more} more hosts</p> : null}
      {data.map((decision) => (
        <pre key={decision.seq} className="max-h-80 overflow-auto rounded bg-canvas p-3 font-mono whitespace-pre-wrap">
          {JSON.stringify(decision.data, null, 2)}
        </pre>
      ))}
    </div>
  );
}

function Seen(props: { name: string; changed: Record<string, unknown> }) {
  const fields = Object.entries(props.changed);
  if (fields.length === 0) return null;
  return (
    <>
      <dt className="font-medium">{props.name}</dt>
      <dd className="min-w-0">
        {fields.map(([field, value]) => (
          <span key={field} className="mr-3 inline-block max-w-full">
            <span className="text-muted">{field}</span>{" "}
            <code className="font-mono">{typeof value === "string" ? value : JSON.stringify(value)}</code>
          </span>
        ))}
      </dd>
    </>
  );
}
