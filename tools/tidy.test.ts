import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, normalize, relative } from "node:path";
import { describe, expect, it } from "vitest";

const root = dirname(import.meta.dirname);
const files = execFileSync("git", ["ls-files", "-co", "--exclude-standard"], { cwd: root, encoding: "utf8" })
  .split("\n")
  .filter((file) => file !== "" && existsSync(join(root, file)));
const sources = files.filter((file) => /\.(ts|tsx|mts|mjs)$/.test(file));
const read = (file: string) => readFileSync(join(root, file), "utf8");

/** Workspace package name -> its folder, and which others it may import. */
const packages: Record<string, { folder: string; mayImport: string[] }> = {
  "@valet/shared": { folder: "packages/shared", mayImport: [] },
  "@valet/contracts": { folder: "packages/contracts", mayImport: ["@valet/shared"] },
  "@valet/db": { folder: "packages/db", mayImport: ["@valet/shared"] },
  "@valet/ui": { folder: "packages/ui", mayImport: ["@valet/shared"] },
  "@valet/rollout": { folder: "packages/rollout", mayImport: ["@valet/contracts", "@valet/shared"] },
  "@valet/api": {
    folder: "apps/api",
    mayImport: ["@valet/rollout", "@valet/db", "@valet/contracts", "@valet/shared"],
  },
  "@valet/worker": {
    folder: "apps/worker",
    mayImport: ["@valet/rollout", "@valet/db", "@valet/contracts", "@valet/shared"],
  },
  "@valet/cli": { folder: "apps/cli", mayImport: ["@valet/rollout", "@valet/db", "@valet/contracts", "@valet/shared"] },
  "@valet/agent": { folder: "apps/agent", mayImport: ["@valet/rollout", "@valet/contracts", "@valet/shared"] },
  "@valet/web": { folder: "apps/web", mayImport: ["@valet/contracts", "@valet/ui", "@valet/shared"] },
  "@ghosthands/ghosthands": {
    folder: "GHOST-HANDS/packages/ghosthands",
    mayImport: ["@valet/contracts", "@valet/shared"],
  },
};

const importsOf = (file: string) =>
  [...read(file).matchAll(/^\s*(?:import|export)\b[^"';]*?from\s*"([^"]+)"|\bimport\(\s*"([^"]+)"\s*\)/gm)].map(
    (match) => match[1] ?? match[2] ?? "",
  );
const packageOf = (file: string) =>
  Object.entries(packages).find(([, { folder }]) => file.startsWith(`${folder}/`))?.[0];
const targetOf = (specifier: string) =>
  Object.keys(packages).find((name) => specifier === name || specifier.startsWith(`${name}/`));

describe("the import rule", () => {
  it("packages import only downward", () => {
    const wrong = sources.flatMap((file) => {
      const from = packageOf(file);
      // Tests may borrow from a package beside theirs; what ships may not.
      if (!from || /\.test\.tsx?$|\/testing\//.test(file)) return [];
      return importsOf(file)
        .map(targetOf)
        .filter((target) => target !== undefined && target !== from && !packages[from]?.mayImport.includes(target))
        .map((target) => `${file} imports ${target}`);
    });
    expect(wrong).toEqual([]);
  });

  it("no relative import leaves its package", () => {
    const wrong = sources.flatMap((file) => {
      const from = packageOf(file);
      if (!from || /\.test\.tsx?$|\/testing\//.test(file)) return [];
      const folder = packages[from]?.folder ?? "";
      return importsOf(file)
        .filter((specifier) => specifier.startsWith("."))
        .filter((specifier) => !normalize(join(dirname(file), specifier)).startsWith(`${folder}/`))
        .map((specifier) => `${file} imports ${specifier}`);
    });
    expect(wrong).toEqual([]);
  });

  it("the sandbox worker never touches the database", () => {
    const wrong = sources
      .filter((file) => file.startsWith("apps/worker/src/sandbox/"))
      .filter((file) =>
        importsOf(file).some((specifier) => specifier === "@valet/db" || specifier.includes("/control/")),
      );
    expect(wrong).toEqual([]);
  });

  it("no import cycles within a package", () => {
    const graph = new Map<string, string[]>();
    for (const file of sources.filter((name) => !/\.test\.tsx?$/.test(name))) {
      const plain = read(file)
        .replace(/^\s*import type[^;]*;/gm, "")
        .replace(/^\s*export type \{[^}]*\} from[^;]*;/gm, "");
      const targets = [...plain.matchAll(/^\s*(?:import|export)\b[^"';]*?from\s*"(\.[^"]+)"/gm)].map((match) =>
        normalize(join(dirname(file), match[1] ?? "")),
      );
      graph.set(file, targets);
    }
    const cycles: string[] = [];
    const done = new Set<string>();
    const walk = (file: string, path: string[]) => {
      if (path.includes(file)) return void cycles.push([...path.slice(path.indexOf(file)), file].join(" -> "));
      if (done.has(file)) return;
      for (const next of graph.get(file) ?? []) walk(next, [...path, file]);
      done.add(file);
    };
    for (const file of graph.keys()) walk(file, []);
    expect(cycles).toEqual([]);
  });
});

describe("the house rules", () => {
  it("process.env is read in config.ts only", () => {
    const wrong = sources
      .filter((file) => packageOf(file) && !/\.test\.tsx?$|\/testing\//.test(file) && !/(^|\/)config\.ts$/.test(file))
      .filter((file) => /process\.env\b/.test(read(file)));
    expect(wrong).toEqual([]);
  });

  it("no folder is called utils, helpers, common or services", () => {
    expect(files.filter((file) => /(^|\/)(utils|helpers|common|services)\//.test(file))).toEqual([]);
  });

  it("file names are kebab-case", () => {
    const wrong = sources.filter(
      (file) => !/^[a-z0-9]+([.-][a-z0-9]+)*\.(ts|tsx|mts|mjs)$/.test(file.split("/").at(-1) ?? ""),
    );
    expect(wrong).toEqual([]);
  });

  it("no test is skipped or left alone, and no failure is hidden", () => {
    const self = relative(root, import.meta.filename);
    // The words are spelled out because this is the test that looks for them.
    const soft = /\b(?:it|test|describe)\.(?:skip|only|todo)\(|\|\| true\b|catch \{\s*\}|\bTODO\b|\bFIXME\b|@ts-ignore/;
    const wrong = files
      .filter((file) => /\.(ts|tsx|sh|yml|yaml|mjs)$/.test(file) && file !== self && !file.endsWith("pnpm-lock.yaml"))
      .filter((file) => soft.test(read(file)));
    expect(wrong).toEqual([]);
  });

  it("no deadline is a timeout inside AbortSignal.any: garbage collection may take it, and it never comes", () => {
    const wrong = sources
      .filter((file) => !file.endsWith("/deadline-signal.ts"))
      .filter((file) => /AbortSignal\.any\(\[[^\]]*AbortSignal\.timeout/.test(read(file)));
    expect(wrong).toEqual([]);
  });

  it("no lock file names a download address", () => {
    const locks = files.filter((file) => file.endsWith("pnpm-lock.yaml"));
    expect(locks).toContain("pnpm-lock.yaml");
    expect(locks.filter((file) => /https?:\/\/|tarball:/.test(read(file)))).toEqual([]);
  });

  it("built files are not committed", () => {
    expect(files.filter((file) => /(^|\/)dist\/|^infra\/scripts\/health-server\.js$/.test(file))).toEqual([]);
  });

  it("every package pins exact versions", () => {
    const wrong = files
      .filter((file) => file.endsWith("package.json"))
      .flatMap((file) => {
        const manifest = JSON.parse(read(file)) as Record<string, Record<string, string> | undefined>;
        return ["dependencies", "devDependencies", "optionalDependencies"].flatMap((kind) =>
          Object.entries(manifest[kind] ?? {})
            .filter(([, version]) => !/^(\d|workspace:\*$)/.test(version))
            .map(([name, version]) => `${file}: ${name} ${version}`),
        );
      });
    expect(wrong).toEqual([]);
  });
});
