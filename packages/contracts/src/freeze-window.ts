import { z } from "zod";
import { isoTimeSchema } from "./common.ts";

export const weekdays = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"] as const;
export type Weekday = (typeof weekdays)[number];

/**
 * When no deploy may start. Once: `from` and `to` are moments. Every week: with `days` they are times of day, the window begins on
 * each of these days, and a `to` that is not later than `from` is on the next day.
 */
export const freezeWindowSchema = z
  .strictObject({
    name: z.string().min(1).max(100).describe("Shown to whoever waits for its end; each window has its own."),
    from: z
      .string()
      .describe("Once: a moment with its offset, `2026-12-24T18:00:00+01:00`. With `days`: a time of day, `18:00`."),
    to: z
      .string()
      .describe("Its end, in the same form. With `days`: on the next day when it is not later than `from`."),
    days: z
      .array(z.enum(weekdays))
      .min(1)
      .max(7)
      .refine((days) => new Set(days).size === days.length, "each day may be named once")
      .optional()
      .describe("Every week: the days on which it begins."),
    timezone: z
      .string()
      .max(64)
      .refine(isTimeZone, "must be the name of a time zone, such as Europe/Berlin")
      .optional()
      .describe("Only with `days`: the zone whose wall clock counts, `Europe/Berlin`. UTC when left out."),
    pauses: z.boolean().default(false).describe("True: a deploy that is under way pauses too, until the window ends."),
  })
  .superRefine((window, context) => {
    for (const { key, message } of problemsOfWindow(window)) context.addIssue({ code: "custom", path: [key], message });
  });
export type FreezeWindow = z.infer<typeof freezeWindowSchema>;

/** A freeze that holds now. `until` null: for longer than a year. */
export const deployFreezeSchema = z.object({ name: z.string(), until: isoTimeSchema.nullable(), pauses: z.boolean() });
export type DeployFreeze = z.infer<typeof deployFreezeSchema>;

interface WindowProblem {
  key: "from" | "to" | "timezone";
  message: string;
}

function problemsOfWindow(window: { from: string; to: string; days?: unknown; timezone?: unknown }): WindowProblem[] {
  const isWeekly = window.days !== undefined;
  const message = isWeekly
    ? "must be a time of day such as 18:00, since days are named"
    : "must be a moment such as 2026-12-24T18:00:00+01:00, or days must be named";
  const isGood = (text: string) =>
    isWeekly ? /^([01]\d|2[0-3]):[0-5]\d$/.test(text) : isoTimeSchema.safeParse(text).success;
  const found: WindowProblem[] = (["from", "to"] as const)
    .filter((key) => !isGood(window[key]))
    .map((key) => ({ key, message }));
  if (isWeekly || found.length > 0) return found;
  if (Date.parse(window.from) >= Date.parse(window.to)) found.push({ key: "to", message: "must be later than from" });
  if (window.timezone !== undefined) {
    found.push({ key: "timezone", message: "goes with days only: a moment has its own offset" });
  }
  return found;
}

function isTimeZone(text: string): boolean {
  try {
    return Boolean(new Intl.DateTimeFormat("en", { timeZone: text }).resolvedOptions().timeZone);
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}
