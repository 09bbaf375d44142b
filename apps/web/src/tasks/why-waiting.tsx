import { useQuery } from "@tanstack/react-query";
import type { TaskView } from "@valet/contracts";
import { durationWords, ToneShape } from "@valet/ui";
import { useApp } from "../app-context.tsx";
import { useFallbackIntervalMs } from "../live/live-provider.tsx";
import { keys } from "../query-keys.ts";
import { IdText } from "../lists/id-text.tsx";

/** What a waiting task waits for; nothing while it does not wait. */
export function WhyWaiting(props: { task: TaskView }) {
  const { task } = props;
  const { api } = useApp();
  const refetchInterval = useFallbackIntervalMs();
  const isWaiting = task.state === "queued" || task.state === "assigned";
  const { data: why } = useQuery({
    queryKey: [...keys.task(task.id), "why"],
    queryFn: ({ signal }) => api.whyTask({ params: { id: task.id }, signal }),
    enabled: isWaiting,
    refetchInterval: Math.min(refetchInterval, 5_000),
  });
  if (!isWaiting || why === undefined || why.code === "not_waiting") return null;
  return (
    <div className="panel mt-4 px-4 py-3">
      <h2 className="flex items-baseline gap-1.5 text-sm font-semibold">
        <ToneShape tone="waiting" />
        Why it waits
      </h2>
      <p className="mt-1">
        <IdText text={why.message} />
      </p>
      {why.position === null && why.etaMs === null ? null : (
        <p className="mt-0.5 text-xs text-muted tabular-nums">
          {why.position === null ? "" : `Position ${why.position} in the queue`}
          {why.position !== null && why.etaMs !== null ? ", " : ""}
          {why.etaMs === null ? "" : `starts in about ${durationWords(why.etaMs)}`}
        </p>
      )}
    </div>
  );
}
