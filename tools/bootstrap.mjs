// The two commands' first step, in plain JavaScript because nothing is installed yet: check Node, install pinned
// dependencies with a pinned pnpm through npm, then hand over to TypeScript.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { runChild } from "./run-child.mjs";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const [mode = "start", ...args] = process.argv.slice(2);
const scripts = { start: "tools/story/main.ts", test: "tools/test/main.ts", "test:full": "tools/test/main.ts" };

/** @param {string} line @returns {never} */
function stop(line) {
  console.error(line);
  process.exit(1);
}

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  stop(`Node ${process.versions.node} is too old: install Node 20.19 or newer, then run this again.`);
}
if (!(mode in scripts)) stop(`unknown mode ${mode}: use start, test or test:full`);

// The same install is not done twice: the stamp names the lock file it was made from.
const stampFile = join(root, "node_modules", ".valet-lock");
const lockHash = createHash("sha256")
  .update(readFileSync(join(root, "pnpm-lock.yaml")))
  .digest("hex");
if (!existsSync(stampFile) || readFileSync(stampFile, "utf8") !== lockHash) {
  const { packageManager } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  console.error(`installing dependencies (${packageManager}) ...`);
  const install = spawnSync("npm", ["exec", "--yes", "--", packageManager, "install", "--frozen-lockfile"], {
    cwd: root,
    // Answers of this program are read from stdout: the installer talks on stderr.
    stdio: ["ignore", 2, 2],
    env: { ...process.env, CI: "true" },
    timeout: 600_000,
  });
  if (install.status !== 0) {
    stop(
      "dependencies could not be installed: check the network and the disk (see the lines above), then run this again.",
    );
  }
  writeFileSync(stampFile, lockHash);
}

const { status } = await runChild(
  process.execPath,
  [
    "--conditions=source",
    "--import",
    "tsx",
    join(root, scripts[mode]),
    ...(mode === "test:full" ? ["--full"] : []),
    ...args,
  ],
  { cwd: root, stdio: "inherit" },
);
process.exit(status);
