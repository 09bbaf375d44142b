import { accessSync, constants, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { buildDashboard, buildPrograms } from "../local-stack/programs.ts";
import { findBrowser } from "../local-stack/find-browser.ts";
import { freePort, isFree } from "../local-stack/addresses.ts";
import { type Stack, startStack } from "../local-stack/stack.ts";
import { oneTimeLoginLink } from "./login-link.ts";
import type { Narrator } from "./narrator.ts";
import type { StoryOptions } from "./options.ts";
import { publishReleases } from "./releases.ts";
import { loadSabotage } from "./sabotage.ts";
import { startSite } from "./start-site.ts";
import { promises, recomputeSummary } from "./summary.ts";
import { tellStory } from "./tell-story.ts";

export interface StartContext {
  root: string;
  options: StoryOptions;
  dataDir: string;
  narrator: Narrator;
  startedAtMs: number;
  signal: AbortSignal;
}

/** What `npm start` does. Returns the exit code; throws when something could not be started. */
export async function runStart(context: StartContext): Promise<number> {
  const { root, options, dataDir, narrator, signal } = context;
  checkDataFolder(dataDir);
  const apiPort = options.port === 0 ? await freePort() : options.port;
  if (!(await isFree("127.0.0.1", apiPort))) {
    throw Object.assign(new Error(`port ${apiPort} on 127.0.0.1`), { code: "EADDRINUSE" });
  }
  const browserPath = findBrowser(options.browser, (line) => narrator.say(line));
  const patches = options.sabotage === undefined ? [] : loadSabotage(root, options.sabotage);
  narrator.say("building the programs and the dashboard");
  const [programs, webDir] = await Promise.all([buildPrograms(root, patches), buildDashboard(root)]);
  const site = await startSite(programs.site, join(dataDir, "site"));
  const stack = await startStack({
    dataDir,
    programs,
    apiPort,
    webDir,
    browserPath,
    sandboxes: 3,
    slots: 2,
    leaseMs: 300_000,
    environment: "staging",
    fixedAddresses: !options.once,
    allowedPrivateHosts: [`127.0.0.1:${site.port}`],
    onProgress: (line) => narrator.say(line),
    signal,
  }).catch(async (error: unknown) => {
    await site.stop();
    throw error;
  });
  try {
    const startupMs = Date.now() - context.startedAtMs;
    writeConnection(dataDir, stack);
    narrator.chapter(`the dashboard is at ${await oneTimeLoginLink(stack)}`);
    if (options.empty) {
      narrator.say("an empty control plane with three idle sandboxes; Ctrl-C stops it");
      await untilAborted(signal);
      return 0;
    }
    const releases = await publishReleases(stack.registry, join(dataDir, "releases"), patches, await tagSuffix(stack));
    const facts = await Promise.race([
      tellStory({
        stack,
        narrator,
        siteUrl: site.url,
        submissionsLog: site.log,
        releases,
        startupMs,
        strategy: options.strategy,
      }),
      untilAborted(signal).then(() => Promise.reject(signal.reason as Error)),
    ]);
    const summary = await recomputeSummary(stack, facts);
    narrator.chapter("the promises");
    const verdicts = promises(summary);
    for (const { text, held } of verdicts)
      (held ? narrator.say : narrator.warn)(`${held ? "held  " : "BROKEN"} ${text}`);
    if (options.json) process.stdout.write(`${JSON.stringify(summary)}\n`);
    if (!options.once) {
      narrator.chapter(`still serving at ${await oneTimeLoginLink(stack)}; Ctrl-C stops it`);
      await untilAborted(signal);
      return 0;
    }
    return verdicts.every(({ held }) => held) ? 0 : 1;
  } finally {
    narrator.say("stopping every process");
    await stack.stop();
    await site.stop();
  }
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

function checkDataFolder(dataDir: string): void {
  makeFolder(dataDir);
  accessSync(dataDir, constants.W_OK);
  // A full disk or a read-only mount shows only when something is written.
  writeFileSync(join(dataDir, ".writable"), "x".repeat(4096));
}

/** One level at a time: Node's own recursion never returns where a parent refuses new entries, as /proc does. */
function makeFolder(dir: string): void {
  if (existsSync(dir)) return;
  makeFolder(dirname(dir));
  mkdirSync(dir);
}

/** Tags of an earlier run in the same data folder stay what they were: a tag that moves fails its deploy. */
async function tagSuffix(stack: Stack): Promise<string> {
  const { rows } = await stack.database.query<{ runs: number }>(`SELECT count(*) AS runs FROM deploys`);
  const deploys = rows[0]?.runs ?? 0;
  return deploys === 0 ? "" : `-${deploys}`;
}

/** Tells the CLI where this control plane is: the nearest `.valet/connection.json` up from its working folder. */
function writeConnection(dataDir: string, stack: Stack): void {
  const tokenFile = join(dataDir, "admin-token");
  writeFileSync(tokenFile, stack.keys.adminToken, { mode: 0o600 });
  writeFileSync(join(dataDir, "connection.json"), JSON.stringify({ apiUrl: stack.apiUrl, tokenFile }), { mode: 0o600 });
}
