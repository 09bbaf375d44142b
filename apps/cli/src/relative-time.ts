const units = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1000],
] as const;

/** A length of time in at most two units: `850ms`, `12s`, `3m 5s`, `2d 4h`. */
export function durationText(ms: number): string {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))}ms`;
  const first = units.findIndex(([, size]) => ms >= size);
  const [name, size] = units[first] ?? ["s", 1000];
  const next = units[first + 1];
  const whole = Math.floor(ms / size);
  const rest = next ? Math.floor((ms % size) / next[1]) : 0;
  return next && rest > 0 ? `${whole}${name} ${rest}${next[0]}` : `${whole}${name}`;
}

/** How long ago, in one unit: `just now`, `12s ago`, `3h ago`; `in 5m` for a time ahead. `-` for none. */
export function relativeTime(at: string | null, nowMs: number): string {
  if (at === null) return "-";
  const agoMs = nowMs - Date.parse(at);
  if (Math.abs(agoMs) < 1000) return "just now";
  const [name, size] = units.find(([, unitMs]) => Math.abs(agoMs) >= unitMs) ?? ["s", 1000];
  const count = Math.floor(Math.abs(agoMs) / size);
  return agoMs > 0 ? `${count}${name} ago` : `in ${count}${name}`;
}
