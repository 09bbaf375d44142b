import type { FreezeWindow, Weekday } from "@valet/contracts";
import type { Script } from "./script.ts";
import { epochMs, isoAt } from "./world.ts";

/** The script's freezes as an environment's configuration writes them: two moments, or a time of day of each Tuesday. */
export function freezesOf({ freezes = [] }: Script): FreezeWindow[] {
  return freezes.map(({ name, fromMs, toMs, isWeekly, pauses }) => {
    const [from, to] = [isoAt(epochMs + fromMs), isoAt(epochMs + toMs)];
    if (!isWeekly) return { name, from, to, pauses };
    const days: Weekday[] = ["tue", "fri"];
    return { name, from: from.slice(11, 16), to: to.slice(11, 16), days, timezone: "UTC", pauses };
  });
}
