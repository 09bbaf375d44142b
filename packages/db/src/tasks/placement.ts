import { createHash } from "node:crypto";
import { placementText } from "@valet/shared";
import type { Placement } from "@valet/shared";

const longestKey = 300;

/** The text of a placement, short enough for an index: tasks that can go to the same places share a stretch of the queue's. */
export function placementKey(placement: Placement): string {
  const key = placementText(placement);
  return key.length <= longestKey ? key : `sha256:${createHash("sha256").update(key).digest("hex")}`;
}
