import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { getCoreRowModel, useReactTable } from "@tanstack/react-table";
import type { DeploySummary } from "@valet/contracts";
import { deployStates, environments } from "@valet/shared";
import { EmptyState, Select, words } from "@valet/ui";
import { useApp } from "../app-context.tsx";
import { DataTable } from "../lists/data-table.tsx";
import { Loaded } from "../lists/loaded-list.tsx";
import { Pager } from "../lists/pager.tsx";
import { useFallbackIntervalMs } from "../live/live-provider.tsx";
import { keys } from "../query-keys.ts";
import { AutoDeploySwitches } from "./auto-deploy-switches.tsx";
import { deployColumns } from "./deploy-columns.tsx";
import { NewDeployButton } from "./plan/new-deploy-button.tsx";
import { usePageTitle } from "../shell/use-page-title.ts";

const route = getRouteApi("/shell/deploys");

/** Every deploy there was, newest first. */
export function DeploysPage() {
  usePageTitle("Deploys");
  const { api } = useApp();
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const refetchInterval = useFallbackIntervalMs();
  const query = useQuery({
    queryKey: [...keys.deploys, search],
    queryFn: ({ signal }) => api.listDeploys({ query: { ...search, pageSize: 100 }, signal }),
    placeholderData: keepPreviousData,
    refetchInterval,
  });
  const change = (next: Partial<typeof search>) =>
    void navigate({ search: (before) => ({ ...before, page: undefined, ...next }), replace: true, resetScroll: false });
  const isFiltered = search.environment !== undefined || search.state !== undefined;
  return (
    <>
      <div className="flex flex-wrap items-center justify-between gap-3">
        <h1 className="text-2xl font-semibold tracking-tight">Deploys</h1>
        <div className="flex flex-wrap items-center gap-4">
          <Link to="/rollout" className="text-link text-sm">
            Rollout configuration
          </Link>
          <Link to="/releases/compare" className="text-link text-sm">
            Compare releases
          </Link>
          <NewDeployButton />
        </div>
      </div>
      <AutoDeploySwitches />
      <div className="mt-5 mb-3 flex flex-wrap items-center gap-2">
        <Select
          label="Environment"
          hideLabel
          className="min-w-0 flex-1 sm:w-44 sm:flex-none"
          value={search.environment ?? ""}
          options={[{ value: "", text: "Any environment" }, ...environments.map((value) => ({ value, text: value }))]}
          onChange={(event) => change({ environment: environments.find((value) => value === event.target.value) })}
        />
        <Select
          label="State"
          hideLabel
          className="min-w-0 flex-1 sm:w-44 sm:flex-none"
          value={search.state ?? ""}
          options={[{ value: "", text: "Any state" }, ...deployStates.map((value) => ({ value, text: words(value) }))]}
          onChange={(event) => change({ state: deployStates.find((value) => value === event.target.value) })}
        />
        {query.data ? (
          <div className="ml-auto">
            <Pager pagination={query.data.pagination} onPage={(page) => change({ page })} />
          </div>
        ) : null}
      </div>
      <Loaded query={query} what="The list of deploys">
        {(page) =>
          page.data.length > 0 ? (
            <DeployTable deploys={page.data} />
          ) : isFiltered ? (
            <EmptyState title="No deploy matches">
              <button
                type="button"
                className="text-link cursor-pointer"
                onClick={() => change({ environment: undefined, state: undefined })}
              >
                Clear the filters
              </button>
            </EmptyState>
          ) : (
            <EmptyState title="Nothing was deployed yet">
              A deploy starts when the pipeline's webhook arrives, or when you start one here.
            </EmptyState>
          )
        }
      </Loaded>
    </>
  );
}

export function DeployTable(props: { deploys: DeploySummary[] }) {
  const table = useReactTable({
    data: props.deploys,
    columns: deployColumns,
    getRowId: (deploy) => deploy.id,
    getCoreRowModel: getCoreRowModel(),
  });
  return <DataTable table={table} label="Deploys" rowHeightPx={57} />;
}
