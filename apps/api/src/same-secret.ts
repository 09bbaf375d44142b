import { createHash, timingSafeEqual } from "node:crypto";
import type { Secret } from "@valet/shared";

/** Compares in constant time, whatever the length of what was given. */
export function sameSecret(secret: Secret, given: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(secret.reveal()), digest(given));
}
