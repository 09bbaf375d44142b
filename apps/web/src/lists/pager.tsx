import type { Pagination } from "@valet/contracts";
import { Button } from "@valet/ui";

/** Which part of a long list is shown, and the ways to the parts beside it. */
export function Pager(props: { pagination: Pagination; onPage: (page: number) => void }) {
  const { page, pageSize, total, totalPages } = props.pagination;
  if (total === 0) return null;
  const first = (page - 1) * pageSize + 1;
  return (
    <nav aria-label="Pages" className="flex items-center gap-2 text-sm text-muted">
      <span className="tabular-nums" aria-live="polite">
        {first.toLocaleString()}–{Math.min(total, page * pageSize).toLocaleString()} of {total.toLocaleString()}
      </span>
      {totalPages > 1 ? (
        <>
          <Button disabled={page <= 1} onClick={() => props.onPage(page - 1)} aria-label="Previous page">
            ‹
          </Button>
          <Button disabled={page >= totalPages} onClick={() => props.onPage(page + 1)} aria-label="Next page">
            ›
          </Button>
        </>
      ) : null}
    </nav>
  );
}
