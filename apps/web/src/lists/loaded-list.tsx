import type { UseQueryResult } from "@tanstack/react-query";
import { ErrorState, RowSkeletons } from "@valet/ui";
import type { ReactNode } from "react";
import { failureWords } from "../failure.ts";

/**
 * The four states of something loaded, the same on every page: skeleton, failure with a way to try again, old data under a
 * failure, data. `what` is the name in "The fleet could not be loaded".
 */
export function Loaded<T>(props: {
  query: UseQueryResult<T>;
  what: string;
  skeleton?: { rows: number; heightPx: number };
  children: (data: T) => ReactNode;
}) {
  const { data, error, isFetching, refetch } = props.query;
  const { rows, heightPx } = props.skeleton ?? { rows: 8, heightPx: 44 };
  const failure =
    error === null ? null : (
      <ErrorState
        what={
          data === undefined
            ? `${props.what} could not be loaded`
            : `${props.what} could not be refreshed; this is what was known`
        }
        why={failureWords(error)}
        stale={data !== undefined}
        onRetry={() => void refetch()}
      />
    );
  if (data === undefined) {
    if (failure !== null && !isFetching) return failure;
    return (
      <div className="panel">
        <RowSkeletons rows={rows} heightPx={heightPx} what={props.what} />
      </div>
    );
  }
  return (
    <>
      {failure === null ? null : <div className="mb-3">{failure}</div>}
      {props.children(data)}
    </>
  );
}
