import { mkdir, rm } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { chromium, type BrowserContext, type Page, type Route } from "playwright-core";
import type { Blocked, NetworkGuard } from "./network-guard.ts";
import { findBrowserOn, groupMembers, signalGroup } from "./process-table.ts";

/** One Chromium with its own profile, clean context, prepared page and process group. */
export interface Browser {
  readonly pid: number;
  readonly profileDir: string;
  readonly page: Page;
  /** From now on the page may reach these domains; before, it may reach nothing. */
  open(allowedDomains: readonly string[]): void;
  /** The last request that was refused, if any. */
  lastBlocked(): (Blocked & { url: string }) | undefined;
  freeze(): void;
  thaw(): void;
  /** SIGKILL to the whole group, without waiting. */
  killNow(): void;
  /** Kills the whole group at once and removes the profile. Resolves when nothing is left. */
  kill(): Promise<void>;
  /** Resolves when the browser is gone, for whatever reason. */
  readonly gone: Promise<void>;
}

export interface BrowserOptions {
  browserPath: string;
  display: string | undefined;
  guard: NetworkGuard;
}

/** Chromium must not call home: on a closed network each call costs seconds. */
const quietFlags = [
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--disable-breakpad",
  "--disable-crash-reporter",
];
const launchTimeoutMs = 30_000;
const killTimeoutMs = 5_000;

/** Launches and prepares; throws with the reason when the browser does not come up. */
export async function launchBrowser(profileDir: string, options: BrowserOptions): Promise<Browser> {
  await mkdir(profileDir, { recursive: true, mode: 0o700 });
  const isRoot = process.getuid?.() === 0;
  let context: BrowserContext;
  try {
    context = await chromium.launchPersistentContext(profileDir, {
      executablePath: options.browserPath,
      headless: options.display === undefined,
      chromiumSandbox: !isRoot,
      handleSIGINT: false,
      handleSIGTERM: false,
      handleSIGHUP: false,
      timeout: launchTimeoutMs,
      args: quietFlags,
      serviceWorkers: "block",
      acceptDownloads: false,
    });
  } catch (error) {
    await sweepProfile(profileDir);
    throw new Error(`the browser did not start: ${firstLine(error)}`);
  }
  const leader = findBrowserOn(profileDir);
  if (!leader || leader.groupId !== leader.pid) {
    await context.close();
    await sweepProfile(profileDir);
    throw new Error(
      "the browser does not lead a process group of its own: it could be neither frozen nor killed whole",
    );
  }
  return prepare(context, leader.pid, profileDir, options.guard);
}

async function prepare(
  context: BrowserContext,
  pid: number,
  profileDir: string,
  guard: NetworkGuard,
): Promise<Browser> {
  let allowedDomains: readonly string[] | undefined;
  let blocked: (Blocked & { url: string }) | undefined;
  context.setDefaultTimeout(0);
  await context.route("**/*", (route) => decide(route));
  const page = context.pages()[0] ?? (await context.newPage());
  const gone = new Promise<void>((resolve) => {
    context.once("close", () => resolve());
    page.once("crash", () => resolve());
  });

  async function decide(route: Route): Promise<void> {
    const url = route.request().url();
    const verdict = allowedDomains
      ? await guard.check(new URL(url), allowedDomains)
      : { ok: false as const, error: { code: "no_job" as const, message: "no job runs here" } };
    if (!verdict.ok) blocked = { ...verdict.error, url };
    // The page may be gone meanwhile: then there is nobody left to answer.
    await (verdict.ok ? route.continue() : route.abort("blockedbyclient")).catch(() => undefined);
  }

  let isOver = false;
  const signalUnlessOver = (name: "SIGKILL" | "SIGSTOP" | "SIGCONT") => {
    // Its number may belong to somebody else by then.
    if (!isOver) signalGroup(pid, name);
  };

  return {
    pid,
    profileDir,
    page,
    gone,
    open(domains) {
      allowedDomains = domains;
      blocked = undefined;
    },
    lastBlocked: () => blocked,
    freeze: () => signalUnlessOver("SIGSTOP"),
    thaw: () => signalUnlessOver("SIGCONT"),
    killNow: () => signalUnlessOver("SIGKILL"),
    async kill() {
      signalUnlessOver("SIGKILL");
      await sweepProfile(profileDir, isOver ? undefined : pid);
      isOver = true;
    },
  };
}

/** Kills whatever still runs on a profile, and removes the profile. */
export async function sweepProfile(profileDir: string, knownGroup?: number): Promise<void> {
  const group = knownGroup ?? findBrowserOn(profileDir)?.groupId;
  if (group !== undefined) await endGroup(group);
  // A file written while Chromium died makes the first try fail: retried by Node.
  await rm(profileDir, { recursive: true, force: true, maxRetries: 10, retryDelay: 20 });
}

async function endGroup(group: number): Promise<void> {
  const giveUpAt = Date.now() + killTimeoutMs;
  while (signalGroup(group, "SIGKILL") && groupMembers(group).length > 0) {
    if (Date.now() > giveUpAt) throw new Error(`process group ${group} survives SIGKILL`);
    await sleep(10);
  }
}

function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split("\n").find((line) => line.trim() !== "") ?? "unknown reason";
}
