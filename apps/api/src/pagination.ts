import type { Pagination } from "@valet/contracts";
import type { Page } from "@valet/db";

/** A page of rows as the contract's `{data, pagination}`. */
export function pageView<Row, View>(
  page: Page<Row>,
  query: { page: number; pageSize: number },
  view: (row: Row) => View,
): { data: View[]; pagination: Pagination } {
  const { rows, total } = page;
  return {
    data: rows.map(view),
    pagination: {
      page: query.page,
      pageSize: query.pageSize,
      total,
      totalPages: Math.ceil(total / query.pageSize),
    },
  };
}
