import type { DeployView } from "@valet/contracts";
import type { CliContext } from "../context.ts";
import { plainText } from "../plain-text.ts";
import { stateText } from "../style.ts";
import { type DeployChange, deployChanges } from "./deploy-changes.ts";
import { endText, headText } from "./deploy-text.ts";
import type { DeployWatchView } from "./watch-deploy.ts";

/** One line a change, with the time in UTC; with `--json` one document a line, the last one holding the whole deploy. */
export function makeLinesView(context: CliContext): DeployWatchView {
  const { io, json } = context;
  let previous: DeployView | null = null;
  const at = () => new Date(io.clock.now()).toISOString();
  const line = (document: object, text: () => string) => {
    io.stdout.write(json ? `${JSON.stringify({ at: at(), ...document })}\n` : `${at().slice(11, 19)}  ${text()}\n`);
  };
  return {
    show: (view) => {
      if (!previous && !json) io.stdout.write(`${headText(view)}\n`);
      for (const change of deployChanges(previous, view)) line(change, () => changeText(context, change));
      previous = view;
    },
    away: (failure) => {
      const document = failure ? { type: "away", message: failure.message } : { type: "back" };
      line(document, () =>
        failure ? `${failure.message}; the rollout goes on, trying again` : "The API answers again",
      );
    },
    end: (last) => {
      if (last && json) line({ type: "ended", state: last.state, deploy: last }, () => "");
      else if (last) io.stdout.write(`${endText(context, last)}\n`);
      return Promise.resolve();
    },
  };
}

function changeText(context: CliContext, change: DeployChange): string {
  if (change.type === "host") {
    const tasks = change.activeTaskCount ? ` (${change.activeTaskCount} tasks running)` : "";
    return joined(`${plainText(change.sandbox)}  ${stateText(context.style, change.step)}`, change.reason) + tasks;
  }
  if (change.type === "progress") return `deploy  ${plainText(change.text)}`;
  if (change.type === "analysis") return `canary  ${plainText(change.text)}`;
  const waiting = change.waitingOn.length > 0 ? `; waits for ${change.waitingOn.join(", ")}` : "";
  return joined(`deploy  ${stateText(context.style, change.state)}`, change.reason + waiting);
}

function joined(head: string, reason: string): string {
  const text = plainText(reason).replace(/^; /, "");
  return text === "" ? head : `${head}  ${text}`;
}
