import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";

const webDir = join(dirname(dirname(import.meta.dirname)), "apps", "web");
/** Target: JavaScript that the dashboard loads before it shows its first page. */
const targetBytes = 200_000;

/** Builds the dashboard afresh and weighs it, gzipped: what the first page loads, and every chunk. Prints JSON. */
export default async function benchWebSize(): Promise<void> {
  const outDir = await mkdtemp(join(tmpdir(), "valet-web-size-"));
  try {
    const vite = join(webDir, "node_modules", "vite", "bin", "vite.js");
    await promisify(execFile)(process.execPath, [vite, "build", "--outDir", outDir, "--manifest", "manifest.json"], {
      cwd: webDir,
      timeout: 120_000,
    });
    const manifest = JSON.parse(await readFile(join(outDir, "manifest.json"), "utf8")) as Manifest;
    const chunks = await gzipSizes(join(outDir, "assets"));
    const initial = filesOf(manifest, ["index.html", "src/fleet/fleet-page.tsx"]);
    const initialJsGzipBytes = [...initial].reduce((sum, file) => sum + (chunks[file.replace("assets/", "")] ?? 0), 0);
    const isWithin = initialJsGzipBytes <= targetBytes;
    const report = { bench: "web-size", initialJsGzipBytes, targetBytes, isWithin, initialFiles: initial.size, chunks };
    process.stdout.write(`${JSON.stringify(report)}\n`);
    if (!isWithin) process.exitCode = 1;
  } finally {
    await rm(outDir, { recursive: true, force: true });
  }
}

type Manifest = Record<string, { file: string; imports?: string[] }>;

/** The files that entries need before they run: their own and all that they import statically. */
function filesOf(manifest: Manifest, entries: readonly string[]): Set<string> {
  const files = new Set<string>();
  const visit = (name: string) => {
    const chunk = manifest[name];
    if (chunk === undefined) throw new Error(`the build has no ${name}`);
    if (files.has(chunk.file)) return;
    files.add(chunk.file);
    chunk.imports?.forEach(visit);
  };
  entries.forEach(visit);
  return files;
}

async function gzipSizes(folder: string): Promise<Record<string, number>> {
  const sizes: Record<string, number> = {};
  for (const name of (await readdir(folder)).filter((file) => file.endsWith(".js")).sort()) {
    sizes[name] = gzipSync(await readFile(join(folder, name))).length;
  }
  return sizes;
}
