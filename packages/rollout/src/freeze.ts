import { type FreezeWindow, type Weekday, weekdays } from "@valet/contracts";

export interface Freeze {
  /** Of the window that holds now. */
  name: string;
  /** ms since 1970: when no window holds any more. Null: not within the next year. */
  until: number | null;
  /** A deploy that is under way must pause, not only a new one wait. */
  pauses: boolean;
}

/** The freeze that holds at `now`, if any. Windows that touch or overlap are one freeze: `until` is when the last of them ends. */
export function freezeAt(windows: readonly FreezeWindow[], now: number): Freeze | null {
  const holding = holdingAt(windows, now);
  const first = holding[0];
  if (!first) return null;
  const pauses = holding.some(({ window }) => window.pauses);
  return { name: first.window.name, until: endOf(windows, now), pauses };
}

/** For people: `freeze "weekend" until 2026-11-30T05:00:00.000Z`. */
export function freezeText(freeze: Freeze): string {
  const until = freeze.until === null ? "for longer than a year" : `until ${new Date(freeze.until).toISOString()}`;
  return `freeze "${freeze.name}" ${until}`;
}

interface Holding {
  window: FreezeWindow;
  end: number;
}

function holdingAt(windows: readonly FreezeWindow[], now: number): Holding[] {
  return windows.flatMap((window) => {
    const { days } = window;
    const end = days ? endOfOccurrence({ ...window, days }, now) : endOfOnce(window, now);
    return end === null ? [] : [{ window, end }];
  });
}

const yearMs = 366 * 86_400_000;
/** Seven daily windows and some of their own for each day of a year: more steps than that are not worth taking. */
const mostSteps = 3000;

function endOf(windows: readonly FreezeWindow[], now: number): number | null {
  let end = now;
  for (let step = 0; step < mostSteps && end - now <= yearMs; step += 1) {
    const holding = holdingAt(windows, end);
    if (holding.length === 0) return end;
    end = Math.max(...holding.map((one) => one.end));
  }
  return null;
}

function endOfOnce(window: { from: string; to: string }, now: number): number | null {
  const end = Date.parse(window.to);
  return Date.parse(window.from) <= now && now < end ? end : null;
}

const dayMs = 86_400_000;
const minuteMs = 60_000;

/** When the occurrence that holds at `now` ends. It began today or yesterday on the wall clock of its zone. */
function endOfOccurrence(window: FreezeWindow & { days: Weekday[] }, now: number): number | null {
  const zone = zoneOf(window.timezone ?? "UTC");
  const today = Math.floor((now + zone.offsetAt(now)) / dayMs) * dayMs;
  const [from, to] = [minutesOf(window.from), minutesOf(window.to)];
  const ends = [today - dayMs, today]
    .filter((day) => window.days.some((name) => weekdays.indexOf(name) === new Date(day).getUTCDay()))
    .filter((day) => momentOf(zone, day + from * minuteMs, "earliest") <= now)
    .map((day) => momentOf(zone, day + (to <= from ? dayMs : 0) + to * minuteMs, "latest"))
    .filter((end) => now < end);
  return ends.length === 0 ? null : Math.max(...ends);
}

function minutesOf(timeOfDay: string): number {
  const [hours = 0, minutes = 0] = timeOfDay.split(":").map(Number);
  return hours * 60 + minutes;
}

interface Zone {
  /** What the wall clock shows at this moment, less UTC, in ms. */
  offsetAt(moment: number): number;
}

/**
 * The moment at which the zone's wall clock shows `wall` (written as if it were UTC). When clocks go back it shows it twice, when
 * they go forward never: the freeze is then rather longer than shorter.
 */
function momentOf(zone: Zone, wall: number, which: "earliest" | "latest"): number {
  const guesses = [wall - zone.offsetAt(wall - dayMs), wall - zone.offsetAt(wall + dayMs)];
  const exact = guesses.filter((guess) => guess + zone.offsetAt(guess) === wall);
  const possible = exact.length > 0 ? exact : guesses;
  return which === "earliest" ? Math.min(...possible) : Math.max(...possible);
}

function zoneOf(timeZone: string): Zone {
  const format = new Intl.DateTimeFormat("en-GB", {
    timeZone,
    hourCycle: "h23",
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
  });
  return {
    offsetAt(moment) {
      const parts = new Map(format.formatToParts(moment).map(({ type, value }) => [type, Number(value)]));
      const part = (type: Intl.DateTimeFormatPartTypes) => parts.get(type) ?? 0;
      const wall = Date.UTC(part("year"), part("month") - 1, part("day"), part("hour"), part("minute"), part("second"));
      return wall - Math.floor(moment / 1000) * 1000;
    },
  };
}
