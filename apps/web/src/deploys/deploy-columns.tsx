import { Link } from "@tanstack/react-router";
import { createColumnHelper } from "@tanstack/react-table";
import type { DeploySummary } from "@valet/contracts";
import { Age, deployTones, Duration, Release, StateMark } from "@valet/ui";
import { HostsBar } from "./hosts-bar.tsx";
import { IdText } from "../lists/id-text.tsx";

const column = createColumnHelper<DeploySummary>();

/** The columns of the deploy list. Narrow screens keep release, state and hosts. */
export const deployColumns = [
  column.display({
    id: "release",
    header: "Release",
    meta: { cell: "w-[46%] sm:w-[26%]" },
    cell: ({ row: { original: deploy } }) => (
      <>
        <Link
          to="/deploys/$deployId"
          params={{ deployId: deploy.id }}
          data-row=""
          className="block truncate after:absolute after:inset-0"
        >
          <Release tag={deploy.imageTag} digest={deploy.imageDigest} />
        </Link>
        <span className="block truncate text-xs text-muted">
          {deploy.service} to {deploy.environment}
        </span>
      </>
    ),
  }),
  column.display({
    id: "state",
    header: "State",
    meta: { cell: "w-[54%] sm:w-[34%]" },
    cell: ({ row: { original: deploy } }) => (
      <>
        <StateMark state={deploy.state} tone={deployTones[deploy.state]} />
        <span className="block truncate text-xs text-muted">
          <IdText text={deploy.waitingOn[0] ?? deploy.stateReason} plain />
        </span>
      </>
    ),
  }),
  column.display({
    id: "hosts",
    header: "Hosts",
    meta: { cell: "hidden w-[16%] sm:table-cell" },
    cell: ({ row: { original: deploy } }) => (
      <HostsBar total={deploy.hostsTotal} updated={deploy.hostsUpdated} failed={deploy.hostsFailed} />
    ),
  }),
  column.display({
    id: "started-by",
    header: "Started by",
    meta: { cell: "hidden w-[14%] lg:table-cell" },
    cell: ({ row: { original: deploy } }) => (
      <>
        <span className="block truncate">{deploy.trigger}</span>
        <span className="block truncate text-xs text-muted">{deploy.createdBy}</span>
      </>
    ),
  }),
  column.display({
    id: "created",
    header: "Created",
    meta: { cell: "hidden w-[10%] sm:table-cell" },
    cell: ({ row: { original: deploy } }) => (
      <>
        <Age at={deploy.createdAt} />
        <span className="block text-xs text-muted">
          {deploy.startedAt === null ? "not started" : <Duration from={deploy.startedAt} to={deploy.endedAt} />}
        </span>
      </>
    ),
  }),
];
