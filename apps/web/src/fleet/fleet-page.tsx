import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import type { SandboxView } from "@valet/contracts";
import { environments, sandboxStates } from "@valet/shared";
import { EmptyState, Select, SlotLegend, useRowWindow, words } from "@valet/ui";
import { useCallback } from "react";
import { useApp } from "../app-context.tsx";
import { Loaded } from "../lists/loaded-list.tsx";
import { SearchField } from "../lists/search-field.tsx";
import { useFallbackIntervalMs } from "../live/live-provider.tsx";
import { keys } from "../query-keys.ts";
import { ActiveDeploys } from "./active-deploys.tsx";
import { FleetSummary } from "./fleet-summary.tsx";
import { SandboxRow } from "./sandbox-row.tsx";
import { usePageTitle } from "../shell/use-page-title.ts";

const route = getRouteApi("/shell/fleet");
const any = { value: "", text: "Any" };

/** Every sandbox with what runs on it. */
export function FleetPage() {
  usePageTitle("Fleet");
  const { api } = useApp();
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const refetchInterval = useFallbackIntervalMs();
  const query = useQuery({
    queryKey: [...keys.sandboxes, search],
    queryFn: ({ signal }) =>
      api.listSandboxes({ query: { ...search, pageSize: 1000, sortBy: "name", sortOrder: "asc" }, signal }),
    placeholderData: keepPreviousData,
    refetchInterval,
  });
  const change = useCallback(
    (next: Partial<typeof search>) =>
      void navigate({ search: (before) => ({ ...before, ...next }), replace: true, resetScroll: false }),
    [navigate],
  );
  const onSearch = useCallback((text: string) => change({ search: text || undefined }), [change]);
  const isFiltered = Object.values(search).some((value) => value !== undefined);
  return (
    <>
      <h1 className="text-2xl font-semibold tracking-tight">Fleet</h1>
      <ActiveDeploys />
      <div className="mt-5 mb-3 flex flex-wrap items-end gap-2">
        <SearchField
          label="Search name or address"
          value={search.search ?? ""}
          onSearch={onSearch}
          className="w-full sm:w-64"
        />
        <Select
          label="Environment"
          hideLabel
          className="min-w-0 flex-1 sm:w-44 sm:flex-none"
          value={search.environment ?? ""}
          options={[{ ...any, text: "Any environment" }, ...environments.map((value) => ({ value, text: value }))]}
          onChange={(event) => change({ environment: environments.find((value) => value === event.target.value) })}
        />
        <Select
          label="State"
          hideLabel
          className="min-w-0 flex-1 sm:w-36 sm:flex-none"
          value={search.status ?? ""}
          options={[{ ...any, text: "Any state" }, ...sandboxStates.map((value) => ({ value, text: words(value) }))]}
          onChange={(event) => change({ status: sandboxStates.find((value) => value === event.target.value) })}
        />
        <div className="ml-auto hidden lg:block">
          <SlotLegend />
        </div>
      </div>
      <Loaded query={query} what="The fleet" skeleton={{ rows: 6, heightPx: 84 }}>
        {(page) =>
          page.data.length === 0 ? (
            <NoSandboxes
              isFiltered={isFiltered}
              onClear={() => change({ search: undefined, environment: undefined, status: undefined })}
            />
          ) : (
            <>
              <FleetSummary sandboxes={page.data} total={page.pagination.total} />
              <SandboxList sandboxes={page.data} />
            </>
          )
        }
      </Loaded>
      <div className="mt-4 lg:hidden">
        <SlotLegend />
      </div>
    </>
  );
}

/** The rows; of a long fleet only those near the screen are drawn. */
export function SandboxList(props: { sandboxes: readonly SandboxView[] }) {
  const { sandboxes } = props;
  const { listRef, range, measure } = useRowWindow({ count: sandboxes.length, estimateHeightPx: 92 });
  return (
    <div className="panel overflow-clip">
      <ul
        aria-label="Sandboxes"
        ref={(element) => {
          listRef.current = element;
        }}
        style={{ paddingTop: range.beforePx, paddingBottom: range.afterPx }}
      >
        {sandboxes.slice(range.first, range.last).map((sandbox, offset) => (
          <li
            key={sandbox.id}
            ref={measure(range.first + offset)}
            aria-setsize={sandboxes.length}
            aria-posinset={range.first + offset + 1}
            className="border-b border-line last:border-b-0"
          >
            <SandboxRow sandbox={sandbox} />
          </li>
        ))}
      </ul>
    </div>
  );
}

function NoSandboxes(props: { isFiltered: boolean; onClear: () => void }) {
  if (props.isFiltered) {
    return (
      <EmptyState title="No sandbox matches">
        <button type="button" className="text-link cursor-pointer" onClick={props.onClear}>
          Clear the filters
        </button>
      </EmptyState>
    );
  }
  return (
    <EmptyState title="No sandboxes yet">
      A sandbox is a host that runs browser tasks. Register one with{" "}
      <code className="font-mono">POST /api/v1/admin/sandboxes</code> and start its agent; it appears here by itself.
    </EmptyState>
  );
}
