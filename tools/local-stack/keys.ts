import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";

const keysSchema = z.object({
  jwtSecret: z.string(),
  webhookSecret: z.string(),
  sealKey: z.string(),
  ghServiceSecret: z.string(),
  adminToken: z.string(),
});
export type LocalKeys = z.infer<typeof keysSchema>;

/** The secrets of a local control plane: made at its first start, kept in its data folder, readable by its owner only. */
export function localKeys(dataDir: string): LocalKeys {
  const file = join(dataDir, "keys.json");
  if (existsSync(file)) return keysSchema.parse(JSON.parse(readFileSync(file, "utf8")));
  const secret = (bytes: number) => randomBytes(bytes).toString("base64url");
  const keys: LocalKeys = {
    jwtSecret: secret(48),
    webhookSecret: secret(32),
    sealKey: randomBytes(32).toString("base64"),
    ghServiceSecret: secret(32),
    adminToken: `valet_${secret(32)}`,
  };
  mkdirSync(dataDir, { recursive: true });
  writeFileSync(file, JSON.stringify(keys), { mode: 0o600 });
  return keys;
}
