import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { type Result, type Secret, err, ok } from "@valet/shared";

const version = "v1";

/**
 * Encrypts a secret at rest: AES-256-GCM under the control plane's key (`VALET_SEAL_KEY`, base64 of 32 bytes), bound to `context`
 * (a sandbox id), so that a sealed value copied to another row does not open there. Answers `v1.<iv>.<tag>.<data>`, base64url.
 */
export function seal(sealKey: Secret, context: string, plaintext: string): string {
  const iv = randomBytes(12);
  const cipher = createCipheriv("aes-256-gcm", keyBytes(sealKey), iv).setAAD(Buffer.from(context));
  const data = Buffer.concat([cipher.update(plaintext, "utf8"), cipher.final()]);
  return [version, ...[iv, cipher.getAuthTag(), data].map((part) => part.toString("base64url"))].join(".");
}

/** The reverse of `seal`; an error sentence when the key, the context or the value is not the one it was sealed with. */
export function openSealed(sealKey: Secret, context: string, sealed: string): Result<string, string> {
  const [marker, iv, tag, data] = sealed.split(".");
  if (marker !== version || !iv || !tag || data === undefined) return err("not a sealed value of a known version");
  const tagBytes = Buffer.from(tag, "base64url");
  const ivBytes = Buffer.from(iv, "base64url");
  if (tagBytes.length !== 16 || ivBytes.length !== 12) return err("not a sealed value of a known version");
  const decipher = createDecipheriv("aes-256-gcm", keyBytes(sealKey), ivBytes)
    .setAAD(Buffer.from(context))
    .setAuthTag(tagBytes);
  const opened = decipher.update(Buffer.from(data, "base64url"));
  try {
    return ok(Buffer.concat([opened, decipher.final()]).toString("utf8"));
  } catch (cause) {
    if (!(cause instanceof Error)) throw cause;
    return err(`does not open for ${context}: the value was changed, or VALET_SEAL_KEY is another one`);
  }
}

function keyBytes(sealKey: Secret): Buffer {
  const key = Buffer.from(sealKey.reveal(), "base64");
  if (key.length !== 32) throw new Error(`VALET_SEAL_KEY must be base64 of 32 bytes, it has ${key.length}`);
  return key;
}
