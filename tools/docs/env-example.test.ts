import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";

const root = dirname(dirname(import.meta.dirname));
const configs = execFileSync("git", ["ls-files", "-co", "--exclude-standard", "--", "*/config.ts"], {
  cwd: root,
  encoding: "utf8",
})
  .split("\n")
  .filter((file) => file !== "" && !file.startsWith("tools/"));
const example = readFileSync(join(root, ".env.example"), "utf8").split("\n");
const documented = example.flatMap((line) => /^([A-Z][A-Z0-9_]*)=/.exec(line)?.[1] ?? []);
/** A variable is a property in capitals of a zod schema: `  PORT: z.…` on its own line. */
const read = configs.flatMap((file) =>
  [...readFileSync(join(root, file), "utf8").matchAll(/^ +([A-Z][A-Z0-9_]{2,}): /gm)].map((match) => match[1] ?? ""),
);

describe(".env.example", () => {
  it("has every variable that a config.ts reads", () => {
    expect(read.length).toBeGreaterThan(40);
    expect([...new Set(read)].filter((name) => !documented.includes(name))).toEqual([]);
  });

  it("has no variable that nobody reads", () => {
    expect(documented.filter((name) => !read.includes(name))).toEqual([]);
  });

  it("names each variable once, below a line that says what it is", () => {
    expect(documented.filter((name, index) => documented.indexOf(name) !== index)).toEqual([]);
    for (const [index, line] of example.entries()) {
      if (!/^[A-Z]/.test(line)) continue;
      const before = example[index - 1] ?? "";
      expect(before.startsWith("# ") || /^[A-Z]/.test(before), line).toBe(true);
    }
  });
});
