import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { scriptSchema } from "./script.ts";
import { simulate } from "./simulate.ts";

const foundSchema = z.strictObject({ what: z.string(), script: scriptSchema });
const folder = join(import.meta.dirname, "found");

/** Each file is a failure that the simulator found, shrunk: what went wrong, and the script that must go well ever after. */
describe("failures that the simulator found", () => {
  for (const name of readdirSync(folder).sort()) {
    const { what, script } = foundSchema.parse(JSON.parse(readFileSync(join(folder, name), "utf8")));
    it(what, async () => {
      const told = await simulate(script);
      expect(told.violations).toEqual([]);
    });
  }
});
