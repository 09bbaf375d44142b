/** A failed start as one line: what, on what, and what to do. Anything unforeseen keeps its stack for a report. */
export function explainStartFailure(error: unknown): string {
  const code = errorCode(error);
  const text = error instanceof Error ? error.message : String(error);
  if (code === "EADDRINUSE")
    return `${text}: another program listens there. Stop it, or give another port with --port N.`;
  if (code === "ENOSPC") return `${text}: the disk is full. Free some space, or give another folder with --data DIR.`;
  if (code === "EROFS" || code === "EACCES" || code === "EPERM" || code === "ENOENT") {
    return `${text}: the data folder cannot be written. Make it writable, or give another with --data DIR.`;
  }
  return text;
}

function errorCode(error: unknown): string | undefined {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if ("code" in cause && typeof cause.code === "string") return cause.code;
  }
  return undefined;
}
