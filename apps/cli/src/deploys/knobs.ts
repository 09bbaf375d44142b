import { type KnobsOverride, explainIssue, knobsOverrideSchema, problemsOf } from "@valet/contracts";
import type { Strategy } from "@valet/shared";
import { usageFailure } from "../failure.ts";

/** `maxParallel=2` pairs as knobs; numbers, true and false become such, lists are JSON. A usage failure names the knob and what is allowed. */
export function parseKnobs(given: Readonly<Record<string, string>> = {}, strategy?: Strategy): KnobsOverride {
  const pairs = strategy ? { ...given, strategy } : given;
  const known = Object.keys(knobsOverrideSchema.shape);
  const unknown = Object.keys(pairs).find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw usageFailure(`--knob ${unknown} is not a knob`, `Knobs: ${known.join(", ")}.`);
  }
  const values = Object.entries(pairs).map(([name, text]) => [name, valueOf(name, text)]);
  const parsed = knobsOverrideSchema.safeParse(Object.fromEntries(values), { error: explainIssue });
  if (parsed.success) return parsed.data;
  const [problem] = problemsOf(parsed.error.issues);
  throw usageFailure(`--knob ${problem?.field}: ${problem?.message}`, "docs/rollout-yml.md describes each knob.");
}

function valueOf(name: string, text: string): unknown {
  if (/^-?\d+$/.test(text)) return Number(text);
  if (text === "true" || text === "false") return text === "true";
  if (!text.startsWith("[")) return text;
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw usageFailure(`--knob ${name}: is not JSON`, `For example: --knob '${name}=[{"hosts":1,"bakeMs":60000}]'`);
  }
}
