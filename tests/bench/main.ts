import { readdirSync } from "node:fs";
import { join } from "node:path";

/** `pnpm bench <name> [--json] …`: runs tests/bench/<name>.ts. Each prints one line of JSON. */
async function main(name: string | undefined): Promise<void> {
  const names = readdirSync(import.meta.dirname, { withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".ts") && !entry.name.endsWith(".test.ts"))
    .map((entry) => entry.name.slice(0, -3))
    .filter((one) => one !== "main" && one !== "control-plane");
  if (name === undefined || !names.includes(name)) {
    process.stderr.write(`usage: pnpm bench <name> [--json]; names: ${names.sort().join(", ")}\n`);
    process.exitCode = 2;
    return;
  }
  const module = (await import(join(import.meta.dirname, `${name}.ts`))) as { default: () => Promise<void> };
  await module.default();
}

main(process.argv[2]).catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  process.exitCode = 1;
});
