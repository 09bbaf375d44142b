import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import type { ReleaseCompare, ReleaseFacts } from "@valet/contracts";
import { deployTones, durationWords, EmptyState, Section, Select, shortDigest, StateMark } from "@valet/ui";
import type { ReactNode } from "react";
import { useApp } from "../app-context.tsx";
import { Loaded } from "../lists/loaded-list.tsx";
import { keys } from "../query-keys.ts";
import { usePageTitle } from "../shell/use-page-title.ts";

const route = getRouteApi("/shell/releases/compare");

/** Two releases side by side: how their deploys went, and how their tasks did. */
export function ComparePage() {
  usePageTitle("Compare releases");
  const { api } = useApp();
  const { from, to } = route.useSearch();
  const navigate = route.useNavigate();
  const { data: releases } = useQuery({
    queryKey: keys.releases,
    queryFn: ({ signal }) => api.listReleases({ query: { pageSize: 100 }, signal }),
  });
  const query = useQuery({
    queryKey: [...keys.releases, "compare", from, to],
    queryFn: ({ signal }) => api.compareReleases({ query: { from: from ?? "", to: to ?? "" }, signal }),
    enabled: from !== undefined && to !== undefined,
  });
  const known = [...new Set(releases?.data.map((release) => release.imageTag) ?? [])];
  const choices = (chosen: string | undefined) => [
    ...(chosen === undefined ? [{ value: "", text: "Choose a release" }] : []),
    ...[...known, ...(chosen === undefined || known.includes(chosen) ? [] : [chosen])].map((value) => ({
      value,
      text: value,
    })),
  ];
  const change = (next: { from?: string; to?: string }) =>
    void navigate({ search: (before) => ({ ...before, ...next }), replace: true });
  return (
    <>
      <Link to="/deploys" className="text-link text-sm">
        All deploys
      </Link>
      <h1 className="mt-1 text-2xl font-semibold tracking-tight">Compare releases</h1>
      <div className="mt-4 grid grid-cols-2 gap-3 sm:max-w-md">
        <Select
          label="From"
          value={from ?? ""}
          options={choices(from)}
          onChange={({ target }) => change({ from: target.value })}
        />
        <Select
          label="To"
          value={to ?? ""}
          options={choices(to)}
          onChange={({ target }) => change({ to: target.value })}
        />
      </div>
      <div className="mt-5">
        {from === undefined || to === undefined ? (
          <EmptyState title="Choose two releases">Their deploys and tasks are shown beside each other.</EmptyState>
        ) : (
          <Loaded query={query} what="The comparison" skeleton={{ rows: 7, heightPx: 40 }}>
            {(compare) => <Comparison compare={compare} />}
          </Loaded>
        )}
      </div>
    </>
  );
}

const rows: { name: string; of: (facts: ReleaseFacts) => ReactNode }[] = [
  { name: "All new work on it after", of: (facts) => clock(facts, "newWorkOnNewVersionMs") },
  { name: "Last old task ended after", of: (facts) => clock(facts, "lastOldTaskEndedMs") },
  { name: "Lowest capacity", of: (facts) => percent(facts.minCapacityPct) },
  { name: "Tasks lost", of: (facts) => facts.tasksLost },
  {
    name: "Rolled back",
    of: ({ rollbacks }) => (rollbacks === 0 ? "never" : rollbacks === 1 ? "once" : `${rollbacks} times`),
  },
  { name: "Tasks failed", of: failures },
  {
    name: "Half of the tasks take",
    of: ({ taskDuration }) => (taskDuration ? durationWords(taskDuration.p50Ms) : "–"),
  },
  { name: "9 of 10 tasks take", of: ({ taskDuration }) => (taskDuration ? durationWords(taskDuration.p90Ms) : "–") },
];

function Comparison(props: { compare: ReleaseCompare }) {
  const { from, to, differences } = props.compare;
  return (
    <>
      <ul aria-label="Differences" className="mb-3 list-disc pl-5">
        {differences.map((text) => (
          <li key={text}>{text}</li>
        ))}
      </ul>
      {differences.length === 0 ? <p className="mb-3 text-muted">Nothing stands out between them.</p> : null}
      <div className="panel overflow-x-auto">
        <table aria-label="Comparison" className="w-full table-fixed text-left tabular-nums">
          <thead className="border-b border-line">
            <tr>
              <th scope="col" className="px-4 py-2 text-xs font-medium text-muted">
                Measure
              </th>
              {[from, to].map((facts, index) => (
                <th key={index} scope="col" className="px-4 py-2 font-semibold">
                  {facts.imageTag}{" "}
                  {facts.imageDigest === null ? null : (
                    <code title={facts.imageDigest} className="font-mono text-xs font-normal text-muted">
                      {shortDigest(facts.imageDigest)}
                    </code>
                  )}
                </th>
              ))}
            </tr>
          </thead>
          <tbody className="divide-y divide-line">
            {rows.map((row) => (
              <tr key={row.name}>
                <th scope="row" className="px-4 py-2 font-normal text-muted">
                  {row.name}
                </th>
                <td className="px-4 py-2">{row.of(from)}</td>
                <td className="px-4 py-2">{row.of(to)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <Section title="Deploys">
        <ul aria-label="Deploys of both" className="panel divide-y divide-line">
          {[from, to].flatMap((facts) =>
            facts.deploys.map((deploy) => (
              <li key={deploy.id}>
                <Link
                  to="/deploys/$deployId"
                  params={{ deployId: deploy.id }}
                  className="flex flex-wrap gap-x-4 px-4 py-2 hover:bg-sunken/60"
                >
                  <span className="font-medium">
                    {facts.imageTag} to {deploy.environment}
                  </span>
                  <StateMark state={deploy.state} tone={deployTones[deploy.state]} />
                </Link>
              </li>
            )),
          )}
        </ul>
      </Section>
    </>
  );
}

/** The median over its deploys that got there. */
function clock(facts: ReleaseFacts, of: "newWorkOnNewVersionMs" | "lastOldTaskEndedMs"): string {
  const times = facts.deploys.flatMap((deploy) => deploy[of] ?? []).sort((a, b) => a - b);
  const median = times[Math.floor((times.length - 1) / 2)];
  if (median === undefined) return "–";
  return times.length === 1 ? durationWords(median) : `${durationWords(median)} (median of ${times.length})`;
}

const percent = (value: number | null): string => (value === null ? "–" : `${Math.round(value)} %`);

function failures({ failureRate, tasks, tasksFailed }: ReleaseFacts): string {
  if (failureRate === null) return "no task yet";
  return `${(failureRate * 100).toFixed(1)} % (${tasksFailed} of ${tasks})`;
}
