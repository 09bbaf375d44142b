import { spawn } from "node:child_process";
import { constants } from "node:os";
import { clearInterval, clearTimeout, setInterval, setTimeout } from "node:timers";

const parentWatchMs = 500;

/** Shared by the two commands; plain JavaScript because the first of them runs before anything is installed. */

/**
 * Runs a program to its end and answers its exit status (128 + the signal's number when one ended it) and, where stdout is a pipe, what
 * it printed. Whoever ends us ends it: a signal is passed on, and we wait for its goodbye, or its own children would be left alive. npm
 * passes none on and dies of it, so that its death counts as one.
 * @type {import("./run-child.d.mts").runChild}
 */
export function runChild(command, args, { timeoutMs, ...options }) {
  return new Promise((resolve) => {
    const child = spawn(command, args, options);
    let stdout = "";
    child.stdout?.setEncoding("utf8").on("data", (text) => (stdout += text));
    /** @param {NodeJS.Signals} signal */
    const passOn = (signal) => {
      // A terminal's Ctrl-C has reached the child already, and two of them mean something else than one.
      if (signal !== "SIGINT" || !process.stdin.isTTY) child.kill(signal);
    };
    /** @type {readonly NodeJS.Signals[]} */
    const signals = ["SIGINT", "SIGTERM", "SIGHUP"];
    for (const signal of signals) process.on(signal, passOn);
    const parent = process.ppid;
    const watch = setInterval(() => {
      if (process.ppid === parent) return;
      clearInterval(watch);
      child.kill("SIGTERM");
    }, parentWatchMs);
    const timer = timeoutMs === undefined ? undefined : setTimeout(() => child.kill("SIGTERM"), timeoutMs);
    /** @param {number} status */
    const end = (status) => {
      clearTimeout(timer);
      clearInterval(watch);
      for (const signal of signals) process.off(signal, passOn);
      resolve({ status, stdout });
    };
    child.once("error", (error) => {
      console.error(`${command}: ${error.message}`);
      end(1);
    });
    child.once("close", (code, signal) => end(code ?? 128 + (signal === null ? 0 : constants.signals[signal])));
  });
}
