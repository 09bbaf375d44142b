import type { Draft } from "./draft.ts";

/** True, with a sentence, while a freeze window that pauses deploys under way is open: nothing further begins. */
export function isHeldByFreeze(_draft: Draft): boolean {
  return false;
}
