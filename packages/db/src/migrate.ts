import { readConfig } from "./config.ts";
import { migrate, migrateDown } from "./migrations.ts";

/** `migrate` brings the database up; `migrate down [tag]` takes back everything newer than the tag, or everything. */
async function main(args: readonly string[]): Promise<void> {
  const config = readConfig();
  const url = config.DATABASE_DIRECT_URL ?? config.DATABASE_URL;
  const options = {
    environment: config.VALET_ENVIRONMENT,
    ...(config.VALET_MIGRATIONS_DIR ? { migrationsDir: config.VALET_MIGRATIONS_DIR } : {}),
  };
  if (args[0] === "down") {
    const tags = await migrateDown(url, { ...options, ...(args[1] ? { to: args[1] } : {}) });
    process.stdout.write(`taken back: ${tags.join(", ") || "nothing"}\n`);
    return;
  }
  if (args.length > 0) throw new Error(`unknown argument ${args[0]}: use no argument, or down [tag]`);
  const result = await migrate(url, options);
  const text = result.applied.length > 0 ? `applied: ${result.applied.join(", ")}` : "nothing to apply";
  process.stdout.write(`${text}${result.newer ? "; the schema is newer than this program, and compatible" : ""}\n`);
}

main(process.argv.slice(2)).catch((error: unknown) => {
  process.stderr.write(`migrate: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
