import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { activeDeployStates, type DeployState } from "@valet/shared";
import { deployTones, StateMark } from "@valet/ui";
import { useApp } from "../app-context.tsx";
import { useFallbackIntervalMs } from "../live/live-provider.tsx";
import { useMay } from "../me.ts";
import { keys } from "../query-keys.ts";
import { IdText } from "../lists/id-text.tsx";

const calling: readonly DeployState[] = [...activeDeployStates, "awaiting_trigger", "awaiting_approval"];

/** Deploys that are under way or wait for a person, above the fleet they change. */
export function ActiveDeploys() {
  const { api } = useApp();
  const mayList = useMay("listDeploys");
  const refetchInterval = useFallbackIntervalMs();
  const { data } = useQuery({
    queryKey: [...keys.deploys, "active"],
    queryFn: ({ signal }) => api.listDeploys({ query: { pageSize: 20 }, signal }),
    enabled: mayList,
    refetchInterval,
  });
  const deploys = data?.data.filter((deploy) => calling.includes(deploy.state)) ?? [];
  if (deploys.length === 0) return null;
  return (
    <ul aria-label="Deploys under way" className="panel mt-4 divide-y divide-line">
      {deploys.map((deploy) => (
        <li key={deploy.id}>
          <Link
            to="/deploys/$deployId"
            params={{ deployId: deploy.id }}
            className="flex flex-wrap items-baseline gap-x-4 gap-y-1 px-4 py-2.5 hover:bg-sunken/60"
          >
            <span className="font-semibold">
              {deploy.service} {deploy.imageTag} <span className="font-normal text-muted">to</span> {deploy.environment}
            </span>
            <StateMark state={deploy.state} tone={deployTones[deploy.state]} />
            <span className="text-muted tabular-nums">
              {deploy.hostsUpdated} of {deploy.hostsTotal} hosts updated
              {deploy.hostsFailed > 0 ? `, ${deploy.hostsFailed} failed` : ""}
            </span>
            <span className="min-w-0 flex-1 basis-60 truncate text-muted">
              <IdText text={deploy.waitingOn[0] ?? deploy.stateReason} plain />
            </span>
          </Link>
        </li>
      ))}
    </ul>
  );
}
