import { spawnSync } from "node:child_process";
import { accessSync, constants, existsSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { homedir } from "node:os";
import { dirname, join } from "node:path";

const wellKnown = [
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome-stable",
  "/usr/bin/google-chrome",
  "/opt/google/chrome/chrome",
  "/Applications/Chromium.app/Contents/MacOS/Chromium",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
];

/**
 * A Chromium: the one named, one found, or one installed: by apt as root on Debian, else by Playwright where it can download.
 * Throws one line that says what to do.
 */
export function findBrowser(named: string | undefined, say: (line: string) => void): string {
  if (named !== undefined) {
    if (isExecutable(named)) return named;
    throw new Error(`the browser ${named} is not there or not executable: give the path of a Chromium`);
  }
  const found = wellKnown.find(isExecutable) ?? playwrightBrowser();
  if (found) return found;
  if (process.getuid?.() === 0 && existsSync("/usr/bin/apt-get")) {
    say("installing Chromium with apt-get ...");
    const apt = (args: string[]) =>
      spawnSync("apt-get", args, {
        stdio: ["ignore", "ignore", "ignore"],
        env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
        timeout: 300_000,
      }).status === 0;
    if (!apt(["install", "-y", "-qq", "--no-install-recommends", "chromium"])) {
      apt(["update", "-qq"]);
      apt(["install", "-y", "-qq", "--no-install-recommends", "chromium"]);
    }
  } else {
    say("downloading Chromium with Playwright ...");
    const cli = join(dirname(createRequire(import.meta.url).resolve("playwright-core/package.json")), "cli.js");
    spawnSync(process.execPath, [cli, "install", "chromium"], { stdio: "ignore", timeout: 300_000 });
  }
  const installed = wellKnown.find(isExecutable) ?? playwrightBrowser();
  if (installed) return installed;
  throw new Error(
    "no Chromium here and none could be installed: install one (Debian: apt-get install chromium), or name it with --browser PATH",
  );
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch (error) {
    if (error instanceof Error) return false;
    throw error;
  }
}

function playwrightBrowser(): string | undefined {
  const cache = join(
    homedir(),
    process.platform === "darwin" ? "Library/Caches/ms-playwright" : ".cache/ms-playwright",
  );
  if (!existsSync(cache)) return undefined;
  return readdirSync(cache)
    .filter((name) => name.startsWith("chromium"))
    .flatMap((name) => [
      join(cache, name, "chrome-linux", "chrome"),
      join(cache, name, "chrome-linux", "headless_shell"),
      join(cache, name, "chrome-mac", "Chromium.app/Contents/MacOS/Chromium"),
    ])
    .find(isExecutable);
}
