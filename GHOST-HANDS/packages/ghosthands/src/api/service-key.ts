import { createHash, timingSafeEqual } from "node:crypto";
import type { Secret } from "@valet/shared";

const hash = (value: string) => createHash("sha256").update(value).digest();

/** Compares a presented service key in constant time, whatever its length. */
export function makeServiceKeyCheck(secret: Secret): (presented: string | undefined) => boolean {
  const expected = hash(secret.reveal());
  return (presented) => presented !== undefined && timingSafeEqual(hash(presented), expected);
}
