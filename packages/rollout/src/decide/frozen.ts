import { freezeAt, freezeText, type Freeze } from "../freeze.ts";
import { waitFor, type Draft } from "./draft.ts";

/** True, with a sentence, while a freeze is on: this deploy does not start. */
export function isFrozen(draft: Draft): boolean {
  return waits(draft, freezeOf(draft));
}

/**
 * True, with a sentence, while a freeze is on that holds deploys under way too: no further host, step or switch begins. What is
 * on its way arrives, since nothing may be stranded half way.
 */
export function isHeldByFreeze(draft: Draft): boolean {
  const freeze = freezeOf(draft);
  return waits(draft, freeze?.pauses ? freeze : null);
}

function freezeOf({ deploy, facts, now }: Draft): Freeze | null {
  return deploy.ignoreFreeze || facts.freezes.length === 0 ? null : freezeAt(facts.freezes, now);
}

function waits(draft: Draft, freeze: Freeze | null): boolean {
  if (freeze !== null) waitFor(draft, freezeText(freeze));
  return freeze !== null;
}
