import type { Output } from "./io.ts";

export type Tone = "good" | "bad" | "warn" | "faint" | "strong";
/** Wraps text in colour, or returns it unchanged where colour is not wanted. */
export type Style = (tone: Tone, text: string) => string;

const codes: Record<Tone, readonly [number, number]> = {
  good: [32, 39],
  bad: [31, 39],
  warn: [33, 39],
  faint: [2, 22],
  strong: [1, 22],
};

/** Colour only on a terminal, and only where the environment allows it. */
export function makeStyle(output: Output, isColourAllowed: boolean): Style {
  if (!output.isTty || !isColourAllowed) return (_tone, text) => text;
  return (tone, text) => `\u001b[${codes[tone][0]}m${text}\u001b[${codes[tone][1]}m`;
}

const tones: Record<string, Tone> = {
  active: "good",
  accepting: "good",
  completed: "good",
  updated: "good",
  serving: "good",
  ok: "good",
  failed: "bad",
  unhealthy: "bad",
  aborted: "bad",
  rolled_back: "bad",
  rolling_back: "bad",
  timed_out: "bad",
  expired: "bad",
  unreachable: "bad",
  needs_review: "warn",
  needs_human: "warn",
  paused: "warn",
  rollback_paused: "warn",
  aborting: "warn",
  deploying: "warn",
  cordoned: "warn",
  draining: "warn",
  awaiting_trigger: "warn",
  cancelled: "faint",
  superseded: "faint",
  terminated: "faint",
  skipped: "faint",
  pending: "faint",
};

/** A state word in the colour of its meaning. */
export function stateText(style: Style, state: string): string {
  const tone = tones[state];
  return tone ? style(tone, state) : state;
}
