/** Durations and ages in words, short enough for a table. All arguments in milliseconds. */
export function durationWords(ms: number): string {
  if (ms < 0) return "0 ms";
  if (ms < 1000) return `${Math.round(ms)} ms`;
  const seconds = ms / 1000;
  if (seconds < 60) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${pad(seconds % 60)} s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h ${pad(minutes % 60)} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** A length that somebody set, without what is zero: `10 min`, not `10 min 00 s`. */
export function spanWords(ms: number): string {
  return durationWords(ms)
    .replace(/ 00 (?:s|min)$| 0 h$/, "")
    .replace(/\.0 s$/, " s");
}

/** How long ago, coarsely: it changes at most once a second in the first minute, then once a minute. */
export function ageWords(ms: number): string {
  if (ms < 1_000) return "just now";
  if (ms < 60_000) return `${Math.floor(ms / 1000)} s ago`;
  if (ms < 3_600_000) return `${Math.floor(ms / 60_000)} min ago`;
  if (ms < 172_800_000) return `${Math.floor(ms / 3_600_000)} h ago`;
  return `${Math.floor(ms / 86_400_000)} d ago`;
}

/** `14:03:07`, in the reader's zone; with the day when it is not today. */
export function clockWords(at: Date, now: Date): string {
  const time = at.toLocaleTimeString(undefined, {
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    hour12: false,
  });
  if (at.toDateString() === now.toDateString()) return time;
  return `${at.toLocaleDateString(undefined, { day: "numeric", month: "short" })}, ${time}`;
}

function pad(value: number): string {
  return String(Math.floor(value)).padStart(2, "0");
}
