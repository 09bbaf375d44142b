import { z } from "zod";
import { isoTimeSchema } from "./common.ts";

export const weekdays = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"] as const;
export type Weekday = (typeof weekdays)[number];

const name = z.string().min(1).max(100);
/** A freeze stops deploys from starting; true: one that is under way pauses too. */
const pauses = z.boolean().default(false);
const timeOfDay = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, "must be a time of day such as 18:00");

/** Once, from a moment until another. */
export const oneOffFreezeSchema = z
  .strictObject({ name, from: isoTimeSchema, to: isoTimeSchema, pauses })
  .refine(({ from, to }) => Date.parse(from) < Date.parse(to), { path: ["to"], error: "must be later than from" });

/** Every week: begins on each of `days` at `from`; a `to` that is not later than `from` is on the next day. */
export const recurringFreezeSchema = z.strictObject({
  name,
  days: z
    .array(z.enum(weekdays))
    .min(1)
    .max(7)
    .refine((days) => new Set(days).size === days.length, "each day may be named once"),
  from: timeOfDay,
  to: timeOfDay,
  /** Name of the time zone whose wall clock counts, as in `Europe/Berlin`. */
  timezone: z
    .string()
    .max(64)
    .refine(isTimeZone, "must be the name of a time zone, such as Europe/Berlin")
    .default("UTC"),
  pauses,
});

export const freezeWindowSchema = z.union([oneOffFreezeSchema, recurringFreezeSchema]);
export type FreezeWindow = z.infer<typeof freezeWindowSchema>;
export type RecurringFreeze = z.infer<typeof recurringFreezeSchema>;

function isTimeZone(text: string): boolean {
  try {
    return Boolean(new Intl.DateTimeFormat("en", { timeZone: text }).resolvedOptions().timeZone);
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}
