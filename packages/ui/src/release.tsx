/** `sha256:4f1c…` -> `4f1c09ab12cd`. */
export function shortDigest(digest: string): string {
  return digest.replace(/^sha256:/, "").slice(0, 12);
}

/** A release as people say it: its tag, and enough of its digest to tell two builds apart. */
export function Release(props: { tag: string | null; digest: string | null }) {
  return (
    <span className="inline-flex min-w-0 items-baseline gap-1.5">
      <span className="truncate font-medium">{props.tag ?? "no release"}</span>
      {props.digest === null ? null : (
        <code title={props.digest} className="font-mono text-xs text-muted">
          {shortDigest(props.digest)}
        </code>
      )}
    </span>
  );
}
