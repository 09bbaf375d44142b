import { createHash, randomBytes } from "node:crypto";
import type { Stack } from "../local-stack/stack.ts";

/** A link that signs one browser in as the local admin, once, within ten minutes. */
export async function oneTimeLoginLink(stack: Stack): Promise<string> {
  const link = randomBytes(24).toString("base64url");
  await stack.database.query(
    `INSERT INTO login_links (token_hash, tenant_id, role, expires_at) VALUES ($1, 'local', 'admin', now() + interval '10 minutes')`,
    [createHash("sha256").update(link).digest("hex")],
  );
  return `${stack.apiUrl}/login?link=${link}`;
}
