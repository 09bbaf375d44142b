// Builds a program to one file: `build-app.mjs src/main.ts[:dist/out.js] ...`, everything bundled but what cannot be.
import { basename } from "node:path";
import { build } from "esbuild";

/**
 * Options that the tools which bundle programs share. Playwright finds its own files at run time: it stays outside. So does the
 * compiler, which a dependency would load only to read a configuration file written in TypeScript.
 */
export const programOptions = {
  bundle: true,
  platform: "node",
  target: "node20",
  format: "esm",
  conditions: ["source"],
  external: ["playwright-core", "patchright", "pg-native", "@fastify/swagger-ui", "typescript"],
  // CommonJS dependencies inside an ESM bundle ask for these.
  banner: {
    js: 'import { createRequire as __createRequire } from "node:module"; import { fileURLToPath as __fileURLToPath } from "node:url"; import { dirname as __pathDirname } from "node:path"; const require = __createRequire(import.meta.url); const __filename = __fileURLToPath(import.meta.url); const __dirname = __pathDirname(__filename);',
  },
  logLevel: "warning",
};

if (import.meta.filename === process.argv[1]) {
  for (const entry of process.argv.slice(2)) {
    const [input, out] = entry.split(":");
    await build({
      ...programOptions,
      entryPoints: [input],
      outfile: out ?? `dist/${basename(input).replace(/\.tsx?$/, ".js")}`,
      sourcemap: "linked",
    });
  }
}
