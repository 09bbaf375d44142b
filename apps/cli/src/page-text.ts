import type { Pagination } from "@valet/contracts";
import type { PageFlags } from "./commands/page-flags.ts";

/** The query that every list has; flags that were not given are left to the API's defaults. */
export function pageQuery({ page, pageSize, search, sortOrder }: PageFlags): Omit<PageFlags, "sortBy"> {
  return { page, pageSize, search, sortOrder };
}

/** Below a table, when there is more: which part this is and how to see the rest. */
export function pageText({ page, totalPages, total }: Pagination): string {
  if (totalPages <= 1) return "";
  const next = page < totalPages ? `; next: --page ${page + 1}` : "";
  return `\n\nPage ${page} of ${totalPages}, ${total} in all${next}`;
}
