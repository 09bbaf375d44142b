import { existsSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { chromium, type BrowserContext, type Page } from "playwright-core";
import type { NetworkGuard } from "./network-guard.ts";
import { findBrowserOn, groupMembers, signalGroup } from "./process-table.ts";
import { startSlotProxy, type SlotProxy } from "./slot-proxy.ts";

/** One Chromium with its own profile, clean context, prepared page and process group. */
export interface Browser {
  readonly pid: number;
  readonly profileDir: string;
  readonly page: Page;
  /** Its way to the network; closed until a job sets a policy. */
  readonly network: SlotProxy;
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
  browserEnv: Record<string, string>;
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
  // Past the proxy there is no network.
  "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
];
const launchTimeoutMs = 30_000;
const killTimeoutMs = 5_000;

/** Launches and prepares; throws with the reason when the browser does not come up. */
export async function launchBrowser(profileDir: string, options: BrowserOptions): Promise<Browser> {
  await mkdir(profileDir, { recursive: true, mode: 0o700 });
  const isRoot = process.getuid?.() === 0;
  const network = await startSlotProxy(options.guard);
  let context: BrowserContext;
  try {
    context = await chromium.launchPersistentContext(profileDir, {
      executablePath: options.browserPath,
      env: options.browserEnv,
      headless: options.display === undefined,
      chromiumSandbox: !isRoot,
      handleSIGINT: false,
      handleSIGTERM: false,
      handleSIGHUP: false,
      timeout: launchTimeoutMs,
      args: quietFlags,
      // Loopback too: that a page may reach it is for the proxy to say.
      proxy: { server: network.url, bypass: "<-loopback>" },
      serviceWorkers: "block",
      acceptDownloads: false,
    });
  } catch (error) {
    network.close();
    await sweepProfile(profileDir);
    throw new Error(`the browser did not start: ${firstLine(error)}`);
  }
  const leader = findBrowserOn(profileDir);
  if (!leader || leader.groupId !== leader.pid) {
    await context.close();
    network.close();
    await sweepProfile(profileDir);
    throw new Error(
      "the browser does not lead a process group of its own: it could be neither frozen nor killed whole",
    );
  }
  return prepare(context, leader.pid, profileDir, network);
}

async function prepare(context: BrowserContext, pid: number, profileDir: string, network: SlotProxy): Promise<Browser> {
  context.setDefaultTimeout(0);
  const page = context.pages()[0] ?? (await context.newPage());
  const gone = new Promise<void>((resolve) => {
    context.once("close", () => resolve());
    page.once("crash", () => resolve());
  });

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
    network,
    freeze: () => signalUnlessOver("SIGSTOP"),
    thaw: () => signalUnlessOver("SIGCONT"),
    killNow: () => signalUnlessOver("SIGKILL"),
    async kill() {
      signalUnlessOver("SIGKILL");
      network.close();
      await sweepProfile(profileDir, isOver ? undefined : pid);
      isOver = true;
    },
  };
}

/** Kills whatever still runs on a profile, and removes the profile. */
export async function sweepProfile(profileDir: string, knownGroup?: number): Promise<void> {
  const group = knownGroup ?? findBrowserOn(profileDir)?.groupId;
  if (group !== undefined) await endGroup(group);
  await removeFolder(profileDir);
}

/** A file written while Chromium died may outlive the first try, silently on bun. */
async function removeFolder(folder: string): Promise<void> {
  for (let triesLeft = 20; triesLeft > 0; triesLeft -= 1) {
    await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 20 });
    if (!existsSync(folder)) return;
    await sleep(20);
  }
  throw new Error(`the profile ${folder} cannot be removed`);
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
