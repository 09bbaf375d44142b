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
import { runChild } from "../../tools/run-child.mjs";
import { applyPatch } from "../../tools/local-stack/source-patches.ts";
import { isSimulated, loadMutants, type Mutant, type SimulatedMutant, type TestedMutant } from "./load.ts";
import { trySimulated } from "./simulated.ts";

/** How many `npm test` tries; the sample moves with the sources, so that all are met in time. */
const sampleSize = 8;
/** Seeds that `npm test` lives through for a simulated one; `--all` takes as many as the mutant needs. */
const quickSeeds = 100;
const root = dirname(dirname(import.meta.dirname));
const only = argumentOf("--only");
const all = loadMutants(root).filter((mutant) => only === undefined || mutant.id.startsWith(only));
const isFull = process.argv.includes("--all") || only !== undefined;
const tested = all.filter((mutant): mutant is TestedMutant => !isSimulated(mutant));
// One that takes more seeds than `npm test` has time for is left to `--all`.
const simulated = all.filter(isSimulated).filter((mutant) => isFull || mutant.simulate.seeds <= quickSeeds);
const chosen = isFull ? tested : sample(tested);

let caught = 0;
const survived: string[] = [];
// Simulated ones are all computing, tested ones nearly all waiting: two of each kind at a time, and each tested one in a copy of its own.
const waiting = [...simulated];
const trySimulatedOnes = async (): Promise<void> => {
  for (let mutant = waiting.shift(); mutant; mutant = waiting.shift()) note(mutant, await trySeeds(mutant));
};
const waitingForCopy = [...chosen];
const tryTestedOnes = async (): Promise<void> => {
  if (waitingForCopy.length === 0) return;
  const copy = copyOfCheckout();
  try {
    for (let mutant = waitingForCopy.shift(); mutant; mutant = waitingForCopy.shift())
      note(mutant, (await tryMutant(copy, mutant)) === "caught" ? "caught" : null);
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
};
await Promise.all([trySimulatedOnes(), trySimulatedOnes(), tryTestedOnes(), tryTestedOnes()]);

function note(mutant: Mutant, verdict: string | null): void {
  if (verdict === null) survived.push(mutant.id);
  else caught += 1;
  console.log(
    `${(verdict === null ? "survived" : "caught").padEnd(8)} ${mutant.id}${verdict === "caught" ? "" : ` ${verdict ?? ""}`}`,
  );
}

async function trySeeds(mutant: SimulatedMutant): Promise<string | null> {
  const { seed, law } = await trySimulated(root, [mutant, ...mutant.also], mutant.simulate.seeds);
  return seed === null ? null : `by seed ${seed}: ${law}`;
}

for (const id of survived)
  console.log(`survived: ${id}: its test passes with the failure back, or the patch no longer fits`);
console.log(`mutants: ${caught} caught, ${survived.length} survived`);
process.exitCode = survived.length === 0 ? 0 : 1;

async function tryMutant(copy: string, mutant: TestedMutant): Promise<"caught" | "survived"> {
  const file = join(copy, mutant.file);
  const original = readFileSync(file, "utf8");
  writeFileSync(file, applyPatch(original, mutant));
  try {
    const { stdout } = await runChild(
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
      {
        cwd: copy,
        stdio: ["ignore", "pipe", "ignore"],
        timeoutMs: 300_000,
        env: { ...process.env, VALET_SWEEP: "sample" },
      },
    );
    const report = /\{"numTotalTestSuites".*\}/s.exec(stdout)?.[0];
    if (!report) {
      console.error(stdout.slice(-2000));
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

function sample(mutants: TestedMutant[]): TestedMutant[] {
  const seed = spawnSync("git", ["rev-parse", "HEAD"], { cwd: root, encoding: "utf8" }).stdout;
  const rank = (mutant: TestedMutant) =>
    createHash("sha256")
      .update(seed + mutant.id)
      .digest("hex");
  return [...mutants].sort((a, b) => rank(a).localeCompare(rank(b))).slice(0, sampleSize);
}

function argumentOf(flag: string): string | undefined {
  const at = process.argv.indexOf(flag);
  return at === -1 ? undefined : process.argv[at + 1];
}
