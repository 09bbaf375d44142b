import { spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createHash } from "node:crypto";
import { applyPatch } from "../../tools/local-stack/source-patches.ts";
import { loadMutants, type Mutant } from "./load.ts";

/** How many `npm test` tries; the sample moves with the sources, so that all are met in time. */
const sampleSize = 8;
const root = dirname(dirname(import.meta.dirname));
const only = argumentOf("--only");
const all = loadMutants(root).filter((mutant) => only === undefined || mutant.id.startsWith(only));
const chosen = process.argv.includes("--all") || only !== undefined ? all : sample(all);

const copy = copyOfCheckout();
let caught = 0;
const survived: string[] = [];
try {
  for (const mutant of chosen) {
    const verdict = tryMutant(mutant);
    if (verdict === "caught") caught += 1;
    else survived.push(mutant.id);
    console.log(`${verdict.padEnd(8)} ${mutant.id}`);
  }
} finally {
  rmSync(copy, { recursive: true, force: true });
}
for (const id of survived)
  console.log(`survived: ${id}: its test passes with the failure back, or the patch no longer fits`);
console.log(`mutants: ${caught} caught, ${survived.length} survived`);
process.exitCode = survived.length === 0 ? 0 : 1;

function tryMutant(mutant: Mutant): "caught" | "survived" {
  const file = join(copy, mutant.file);
  const original = readFileSync(file, "utf8");
  writeFileSync(file, applyPatch(original, mutant));
  try {
    const result = spawnSync(
      process.execPath,
      [
        join(copy, "node_modules/vitest/vitest.mjs"),
        "run",
        mutant.failing,
        "-t",
        mutant.testName,
        "--reporter=json",
        "--bail=1",
      ],
      { cwd: copy, encoding: "utf8", timeout: 240_000, env: { ...process.env, VALET_SWEEP: "sample" } },
    );
    const report = /\{"numTotalTestSuites".*\}/s.exec(result.stdout)?.[0];
    if (!report) {
      console.error(result.stdout.slice(-2000), result.stderr.slice(-2000));
      return "survived";
    }
    // A suite that does not even load proves nothing: only a failed assertion counts.
    return (JSON.parse(report) as { numFailedTests: number }).numFailedTests > 0 ? "caught" : "survived";
  } finally {
    writeFileSync(file, original);
  }
}

/** Sources copied, installed packages linked: workspace links are relative, so they lead into the copy. */
function copyOfCheckout(): string {
  const target = mkdtempSync(join(tmpdir(), "valet-mutants-"));
  const listed = spawnSync("git", ["ls-files", "-co", "--exclude-standard"], {
    cwd: root,
    encoding: "utf8",
  }).stdout.split("\n");
  for (const file of listed.filter((name) => name !== "" && existsSync(join(root, name)))) {
    mkdirSync(dirname(join(target, file)), { recursive: true });
    cpSync(join(root, file), join(target, file));
  }
  const packages = [
    "",
    ...["apps", "packages", "GHOST-HANDS/packages"].flatMap((folder) =>
      readdirSync(join(root, folder)).map((name) => join(folder, name)),
    ),
  ];
  for (const folder of packages) {
    const modules = join(root, folder, "node_modules");
    if (!existsSync(modules)) continue;
    mkdirSync(join(target, folder, "node_modules"), { recursive: true });
    for (const name of readdirSync(modules)) {
      const from = join(modules, name);
      const to = join(target, folder, "node_modules", name);
      if (name === ".pnpm" || name === ".bin") symlinkSync(from, to);
      else if (!name.startsWith(".")) cpSync(from, to, { recursive: true, verbatimSymlinks: true });
    }
  }
  return target;
}

function sample(mutants: Mutant[]): Mutant[] {
  const seed = spawnSync("git", ["rev-parse", "HEAD"], { cwd: root, encoding: "utf8" }).stdout;
  const rank = (mutant: Mutant) =>
    createHash("sha256")
      .update(seed + mutant.id)
      .digest("hex");
  return [...mutants].sort((a, b) => rank(a).localeCompare(rank(b))).slice(0, sampleSize);
}

function argumentOf(flag: string): string | undefined {
  const at = process.argv.indexOf(flag);
  return at === -1 ? undefined : process.argv[at + 1];
}
