import { defineConfig } from "drizzle-kit";

/** For `db:generate`: a draft of the next migration, from the schema and the last snapshot. Look it over, and add its way back. */
export default defineConfig({
  dialect: "postgresql",
  schema: [
    "./src/schema/accounts.ts",
    "./src/schema/fleet.ts",
    "./src/schema/tasks.ts",
    "./src/schema/deploys.ts",
    "./src/schema/journal.ts",
    "./src/schema/relay.ts",
  ],
  out: "./drizzle",
  breakpoints: false,
});
