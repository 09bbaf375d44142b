import { environments } from "@valet/shared";
import { z } from "zod";

/** Variables of the migration command. */
const schema = z.object({
  /** Where the database is. */
  DATABASE_URL: z.url(),
  /** Its direct address, when DATABASE_URL goes through a transaction pooler. */
  DATABASE_DIRECT_URL: z.url().optional(),
  /** Which environment this database belongs to; it is marked with it, and refuses another. */
  VALET_ENVIRONMENT: z.preprocess((v) => (v === "prod" ? "production" : v), z.enum(environments)).default("dev"),
  /** Folder of the migrations, when they do not lie beside this program. */
  VALET_MIGRATIONS_DIR: z.string().optional(),
});
export type MigrateConfig = z.infer<typeof schema>;

/** Throws one line that names each variable that is missing or wrong. */
export function readConfig(env: NodeJS.ProcessEnv = process.env): MigrateConfig {
  const parsed = schema.safeParse(env);
  if (parsed.success) return parsed.data;
  throw new Error(parsed.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`).join("; "));
}
