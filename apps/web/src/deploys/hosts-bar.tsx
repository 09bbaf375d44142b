/** How many hosts are done: in numbers, and as a bar whose failed part is a block of its own at the end. */
export function HostsBar(props: { total: number; updated: number; failed: number }) {
  const { total, updated, failed } = props;
  if (total === 0) return <span className="text-xs text-muted">no hosts</span>;
  return (
    <span className="block tabular-nums">
      <span>
        {updated} of {total} updated
      </span>
      {failed > 0 ? <span className="font-medium text-bad">, {failed} failed</span> : null}
      <span aria-hidden="true" className="mt-1 flex h-1.5 w-full overflow-hidden rounded-xs bg-sunken">
        <span className="bg-good" style={{ width: `${(updated / total) * 100}%` }} />
        <span className="ml-auto bg-bad" style={{ width: `${(failed / total) * 100}%` }} />
      </span>
    </span>
  );
}
