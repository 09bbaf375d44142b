import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { taskStates } from "@valet/shared";
import { EmptyState, Select, words } from "@valet/ui";
import { useCallback } from "react";
import { useApp } from "../app-context.tsx";
import { Loaded } from "../lists/loaded-list.tsx";
import { Pager } from "../lists/pager.tsx";
import { SearchField } from "../lists/search-field.tsx";
import { useFallbackIntervalMs } from "../live/live-provider.tsx";
import { keys } from "../query-keys.ts";
import { TaskTable } from "./task-table.tsx";
import { usePageTitle } from "../shell/use-page-title.ts";

const route = getRouteApi("/shell/tasks");
const pageSizes = [100, 250, 1000];

/** Every task, newest first unless ordered otherwise. */
export function TasksPage() {
  usePageTitle("Tasks");
  const { api } = useApp();
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const refetchInterval = useFallbackIntervalMs();
  const pageSize = search.pageSize ?? 100;
  const query = useQuery({
    queryKey: [...keys.tasks, search],
    queryFn: ({ signal }) => api.listTasks({ query: { ...search, pageSize }, signal }),
    placeholderData: keepPreviousData,
    refetchInterval,
  });
  const change = useCallback(
    (next: Partial<typeof search>) =>
      void navigate({
        search: (before) => ({ ...before, page: undefined, ...next }),
        replace: true,
        resetScroll: false,
      }),
    [navigate],
  );
  const onSearch = useCallback((text: string) => change({ search: text || undefined }), [change]);
  const isFiltered = search.search !== undefined || search.state !== undefined;
  return (
    <>
      <h1 className="text-2xl font-semibold tracking-tight">Tasks</h1>
      <div className="mt-5 mb-3 flex flex-wrap items-center gap-2">
        <SearchField
          label="Search id, address, metadata"
          value={search.search ?? ""}
          onSearch={onSearch}
          className="w-full sm:w-72"
        />
        <Select
          label="State"
          hideLabel
          className="min-w-0 flex-1 sm:w-40 sm:flex-none"
          value={search.state ?? ""}
          options={[{ value: "", text: "Any state" }, ...taskStates.map((value) => ({ value, text: words(value) }))]}
          onChange={(event) => change({ state: taskStates.find((value) => value === event.target.value) })}
        />
        <Select
          label="Rows on a page"
          hideLabel
          className="min-w-0 flex-1 sm:w-32 sm:flex-none"
          value={String(pageSize)}
          options={pageSizes.map((size) => ({ value: String(size), text: `${size.toLocaleString()} rows` }))}
          onChange={(event) => change({ pageSize: Number(event.target.value) })}
        />
        {query.data ? (
          <div className="ml-auto">
            <Pager pagination={query.data.pagination} onPage={(page) => change({ page })} />
          </div>
        ) : null}
      </div>
      <Loaded query={query} what="The list of tasks" skeleton={{ rows: 14, heightPx: 40 }}>
        {(page) =>
          page.data.length > 0 ? (
            <TaskTable
              tasks={page.data}
              sort={{ by: search.sortBy ?? "createdAt", order: search.sortOrder ?? "desc" }}
              onSort={(sort) => change({ sortBy: sort.by, sortOrder: sort.order })}
            />
          ) : isFiltered ? (
            <EmptyState title="No task matches">
              <button
                type="button"
                className="text-link cursor-pointer"
                onClick={() => change({ search: undefined, state: undefined })}
              >
                Clear the filters
              </button>
            </EmptyState>
          ) : (
            <EmptyState title="No tasks yet">
              Submit one with <code className="font-mono">POST /api/v1/tasks</code> or{" "}
              <code className="font-mono">valet tasks submit</code>; it appears here by itself.
            </EmptyState>
          )
        }
      </Loaded>
    </>
  );
}
