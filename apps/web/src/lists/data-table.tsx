import { flexRender, type Row, type RowData, type Table } from "@tanstack/react-table";
import { useRowWindow } from "@valet/ui";
import { memo } from "react";

declare module "@tanstack/react-table" {
  interface ColumnMeta<TData extends RowData, TValue> {
    /** Classes of the column's cells: width, alignment, where it is shown. */
    cell?: string;
    /** The API can order by it. */
    isSortable?: boolean;
    readonly __types?: [TData, TValue];
  }
}

/** A table whose rows are drawn only near the screen: 1,000 of them cost what 30 do. */
export function DataTable<T>(props: { table: Table<T>; label: string; rowHeightPx: number }) {
  const rows = props.table.getRowModel().rows;
  const { listRef, range, measure } = useRowWindow({ count: rows.length, estimateHeightPx: props.rowHeightPx });
  const columns = props.table.getVisibleLeafColumns().length;
  return (
    <div className="panel overflow-x-auto">
      <table
        aria-label={props.label}
        aria-rowcount={rows.length + 1}
        className="w-full table-fixed border-collapse text-left text-sm"
      >
        <thead className="text-xs text-muted">
          {props.table.getHeaderGroups().map((group) => (
            <tr key={group.id} aria-rowindex={1} className="border-b border-line">
              {group.headers.map((header) => (
                <HeaderCell key={header.id} header={header} />
              ))}
            </tr>
          ))}
        </thead>
        <tbody
          ref={(element) => {
            listRef.current = element;
          }}
        >
          <Spacer heightPx={range.beforePx} columns={columns} />
          {rows.slice(range.first, range.last).map((row, offset) => (
            <BodyRow key={row.id} row={row} index={range.first + offset} measure={measure(range.first + offset)} />
          ))}
          <Spacer heightPx={range.afterPx} columns={columns} />
        </tbody>
      </table>
    </div>
  );
}

function HeaderCell<T>(props: { header: ReturnType<Table<T>["getHeaderGroups"]>[number]["headers"][number] }) {
  const { column, getContext } = props.header;
  const sorted = column.getIsSorted();
  const meta = column.columnDef.meta;
  const text = flexRender(column.columnDef.header, getContext());
  return (
    <th
      scope="col"
      aria-sort={sorted === false ? undefined : sorted === "asc" ? "ascending" : "descending"}
      className={`px-3 py-2 font-medium whitespace-nowrap ${meta?.cell ?? ""}`}
    >
      {meta?.isSortable ? (
        <button
          type="button"
          className="cursor-pointer font-medium hover:text-ink"
          onClick={column.getToggleSortingHandler()}
        >
          {text}
          <span aria-hidden="true">{sorted === false ? "" : sorted === "asc" ? " ↑" : " ↓"}</span>
        </button>
      ) : (
        text
      )}
    </th>
  );
}

function DrawnRow<T>(props: { row: Row<T>; index: number; measure: (element: HTMLElement | null) => void }) {
  return (
    <tr
      ref={props.measure}
      aria-rowindex={props.index + 2}
      className="relative border-b border-line last:border-b-0 focus-within:bg-sunken/60 hover:bg-sunken/60"
    >
      {props.row.getVisibleCells().map((cell) => (
        <td key={cell.id} className={`px-3 py-2 align-top ${cell.column.columnDef.meta?.cell ?? ""}`}>
          {flexRender(cell.column.columnDef.cell, cell.getContext())}
        </td>
      ))}
    </tr>
  );
}

/** Drawn again only when its data changed, not whenever the page scrolls. `memo` loses the type parameter; this keeps it. */
const BodyRow = memo(DrawnRow) as typeof DrawnRow;

/** Stands for the rows that are not drawn. */
function Spacer(props: { heightPx: number; columns: number }) {
  if (props.heightPx === 0) return null;
  return (
    <tr aria-hidden="true">
      <td colSpan={props.columns} style={{ height: props.heightPx, padding: 0 }} />
    </tr>
  );
}
