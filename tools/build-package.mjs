// Builds a workspace package: `build-package.mjs [src/entry.ts[:outName] ...]`, ESM for Node into dist/, dependencies left outside.
import { basename } from "node:path";
import { build } from "esbuild";

const entries = process.argv.slice(2);
await build({
  entryPoints: (entries.length > 0 ? entries : ["src/index.ts"]).map((entry) => {
    const [input, out] = entry.split(":");
    return { in: input, out: out ?? basename(input).replace(/\.tsx?$/, "") };
  }),
  outdir: "dist",
  bundle: true,
  packages: "external",
  platform: "node",
  target: "node20",
  format: "esm",
  jsx: "automatic",
  sourcemap: "linked",
  logLevel: "warning",
});
