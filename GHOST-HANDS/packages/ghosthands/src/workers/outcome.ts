import type { FinishedData } from "@valet/contracts";
import type { Browser } from "./browser.ts";
import { readProcess } from "./process-table.ts";
import { StepFailure } from "./steps.ts";

/** How an attempt ended, and why. */
export interface Outcome {
  status: FinishedData["status"];
  error?: { code: string; message: string; stepIndex?: number };
}

/** The reason a running attempt is stopped with: thrown through everything it is doing. */
export class Stopped extends Error {
  override readonly name = "Stopped";
  constructor(readonly outcome: Outcome) {
    super(outcome.error?.message ?? outcome.status);
  }
}

export const stopped = (status: Outcome["status"], code: string, message: string, stepIndex?: number) =>
  new Stopped({ status, error: { code, message, ...(stepIndex === undefined ? {} : { stepIndex }) } });

/** Reads what a step threw: the page's fault, a refused request, or a browser that died under it. */
export function outcomeOf(error: unknown, browser: Browser | undefined, stepIndex: number | undefined): Outcome {
  if (error instanceof Stopped) return error.outcome;
  const at = stepIndex === undefined ? {} : { stepIndex };
  if (error instanceof StepFailure)
    return { status: "failed", error: { code: error.code, message: error.message, ...at } };
  const message = plainMessage(error);
  const blocked = message.includes("net::ERR_") ? browser?.network.blockedFor(hostIn(message)) : undefined;
  if (blocked) return { status: "failed", error: { code: blocked.code, message: blocked.message, ...at } };
  if (/crashed|has been closed|disconnected/i.test(message)) {
    const leader = browser && readProcess(browser.pid);
    const isAlive = leader !== undefined && leader.state !== "Z" && !/crashed/i.test(message);
    return isAlive
      ? { status: "failed", error: { code: "page_closed", message: "the page closed itself", ...at } }
      : { status: "interrupted", error: { code: "browser_died", message: "the browser died", ...at } };
  }
  const code = message.includes("net::ERR_") ? "navigation_failed" : "step_failed";
  return { status: "failed", error: { code, message, ...at } };
}

/** Of `net::ERR_… at URL`: the address a step asked for. */
function hostIn(message: string): string | undefined {
  const url = / at (\S+)/.exec(message)?.[1];
  return url !== undefined && URL.canParse(url) ? new URL(url).hostname : undefined;
}

/** The first line of playwright's message, without terminal colours and its call log. */
function plainMessage(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  // eslint's no-control-regex is right in general: here the control character is what is looked for.
  const escape = String.fromCharCode(27);
  const plain = text.split("Call log:")[0]?.replaceAll(new RegExp(`${escape}\\[[0-9;]*m`, "g"), "") ?? "";
  return plain.replace(/\s+/g, " ").trim().slice(0, 1000);
}
