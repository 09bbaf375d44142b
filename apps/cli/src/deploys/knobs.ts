import { type KnobsOverride, knobsOverrideSchema } from "@valet/contracts";
import { usageFailure } from "../failure.ts";

/** `maxParallel=2` pairs as knobs; numbers become numbers. A usage failure names the knob and what is allowed. */
export function parseKnobs(pairs: Readonly<Record<string, string>> = {}): KnobsOverride {
  const known = Object.keys(knobsOverrideSchema.shape);
  const unknown = Object.keys(pairs).find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw usageFailure(`--knob ${unknown} is not a knob`, `Knobs: ${known.join(", ")}.`);
  }
  const values = Object.entries(pairs).map(([name, text]) => [name, /^-?\d+$/.test(text) ? Number(text) : text]);
  const parsed = knobsOverrideSchema.safeParse(Object.fromEntries(values));
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw usageFailure(`--knob ${issue?.path.join(".")}: ${issue?.message}`, "Add --help to see an example.");
}
