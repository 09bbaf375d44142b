import { Link } from "@tanstack/react-router";
import { createColumnHelper, getCoreRowModel, useReactTable } from "@tanstack/react-table";
import type { TaskSummary } from "@valet/contracts";
import { Age, Duration, StateMark, taskTones } from "@valet/ui";
import { DataTable } from "../lists/data-table.tsx";
import { IdText } from "../lists/id-text.tsx";

const sortable = ["createdAt", "enqueuedAt", "state", "priority"] as const;
export interface TaskSort {
  by: (typeof sortable)[number];
  order: "asc" | "desc";
}

const column = createColumnHelper<TaskSummary>();
const columns = [
  column.accessor("id", {
    id: "id",
    header: "Task",
    meta: { cell: "w-[44%] sm:w-[26%] lg:w-[19%]" },
    cell: ({ row: { original: task } }) => (
      <span className="flex flex-col leading-5 *:leading-5 sm:flex-row sm:items-baseline sm:gap-2">
        <Link
          to="/tasks/$taskId"
          params={{ taskId: task.id }}
          data-row=""
          className="font-mono text-xs after:absolute after:inset-0"
        >
          {task.id.slice(0, 8)}
        </Link>
        <span className="min-w-0 truncate text-xs text-muted">{task.metadata["name"] ?? ""}</span>
      </span>
    ),
  }),
  column.accessor("state", {
    id: "state",
    header: "State",
    meta: { cell: "w-[38%] sm:w-[19%] lg:w-[13%]", isSortable: true },
    cell: ({ row: { original: task } }) => (
      <span className="block truncate">
        <StateMark state={task.state} tone={taskTones[task.state]} />
        {task.cancelRequested && task.endedAt === null ? <span className="text-xs text-muted"> cancelling</span> : null}
      </span>
    ),
  }),
  column.display({
    id: "steps",
    header: "Steps",
    meta: { cell: "w-[18%] sm:w-[8%] lg:w-[6%] text-right tabular-nums" },
    cell: ({ row: { original: task } }) => `${task.stepsDone}/${task.stepCount}`,
  }),
  column.display({
    id: "detail",
    header: "Reason or address",
    meta: { cell: "hidden sm:table-cell w-[20%] lg:w-[23%]" },
    cell: ({ row: { original: task } }) => (
      <span className="block truncate text-muted">
        {task.stateReason === "" ? (
          (task.url ?? "").replace(/^https?:\/\//, "")
        ) : (
          <IdText text={task.stateReason} plain />
        )}
      </span>
    ),
  }),
  column.display({
    id: "sandbox",
    header: "Sandbox",
    meta: { cell: "hidden lg:table-cell w-[12%]" },
    cell: ({ row: { original: task } }) => <span className="block truncate">{task.sandboxName ?? "–"}</span>,
  }),
  column.display({
    id: "attempts",
    header: "Tries",
    meta: { cell: "hidden lg:table-cell w-[6%] text-right tabular-nums" },
    cell: ({ row: { original: task } }) => task.attemptCount,
  }),
  column.accessor("priority", {
    id: "priority",
    header: "Priority",
    meta: { cell: "hidden lg:table-cell w-[8%] text-right tabular-nums", isSortable: true },
  }),
  column.accessor("createdAt", {
    id: "createdAt",
    header: "Created",
    meta: { cell: "hidden sm:table-cell w-[13%] lg:w-[10%] text-right", isSortable: true },
    cell: ({ getValue }) => <Age at={getValue()} />,
  }),
  column.display({
    id: "took",
    header: "Ran",
    meta: { cell: "hidden sm:table-cell w-[11%] lg:w-[9%] text-right" },
    cell: ({ row: { original: task } }) =>
      task.startedAt === null ? (
        <span className="text-muted">–</span>
      ) : (
        <Duration from={task.startedAt} to={task.endedAt} />
      ),
  }),
];

/** The rows of a page of tasks. The API orders; the table only says by what. */
export function TaskTable(props: { tasks: TaskSummary[]; sort: TaskSort; onSort: (sort: TaskSort) => void }) {
  const { sort, onSort } = props;
  const table = useReactTable({
    data: props.tasks,
    columns,
    getRowId: (task) => task.id,
    getCoreRowModel: getCoreRowModel(),
    manualSorting: true,
    enableSortingRemoval: false,
    state: { sorting: [{ id: sort.by, desc: sort.order === "desc" }] },
    onSortingChange: (update) => {
      const [next] = typeof update === "function" ? update([{ id: sort.by, desc: sort.order === "desc" }]) : update;
      const by = sortable.find((name) => name === next?.id);
      if (by !== undefined) onSort({ by, order: next?.desc ? "desc" : "asc" });
    },
  });
  return <DataTable table={table} label="Tasks" rowHeightPx={37} />;
}
