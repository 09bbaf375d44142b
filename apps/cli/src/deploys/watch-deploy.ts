import type { DeployView } from "@valet/contracts";
import { ask } from "../ask.ts";
import type { CliContext } from "../context.ts";
import type { CliFailure } from "../failure.ts";
import { follow } from "../follow.ts";
import { isEnded } from "./deploy-changes.ts";
import { makeLinesView } from "./lines-view.ts";

/** Shows a deploy while it goes on; the same three calls for a terminal, for lines and for JSON. */
export interface DeployWatchView {
  show(view: DeployView): void;
  away(failure: CliFailure | null): void;
  /** After the last `show`, also when following failed; leaves the terminal as it was. */
  end(last: DeployView | null): Promise<void>;
}

/** A request is acted on by the control worker: a deploy that had ended is given this long to move again. */
const reopenMs = 30_000;

/**
 * Follows a deploy to its end and answers its last view. A live view on a terminal, plain lines off one, JSON lines with
 * `--json`. `asked`: the view that a request (retry, rollback) was answered with; when that had ended, a new revision is waited for.
 */
export async function watchDeploy(context: CliContext, id: string, asked?: DeployView): Promise<DeployView> {
  const watchView = await makeView(context);
  const { clock } = context.io;
  const startMs = clock.now();
  let last: DeployView | null = null;
  const isSettling = (view: DeployView) =>
    asked !== undefined && isEnded(asked) && view.revision === asked.revision && clock.now() - startMs < reopenMs;
  try {
    return await follow<DeployView>(context, {
      load: () => loadDeploy(context, id),
      concerns: (event) => event.type === "deploy_update" && event.deployId === id,
      isEnded: (view) => isEnded(view) && !isSettling(view),
      onView: (view) => {
        last = view;
        watchView.show(view);
      },
      onAway: (failure) => watchView.away(failure),
    });
  } finally {
    await watchView.end(last);
  }
}

export function loadDeploy(context: CliContext, id: string): Promise<DeployView> {
  const doing = { what: `show deploy ${id}`, listCommand: "valet deploys list" };
  return ask(context, doing, (api, signal) => api.getDeploy({ params: { id }, signal }));
}

async function makeView(context: CliContext): Promise<DeployWatchView> {
  if (context.json || !context.io.stdout.isTty) return makeLinesView(context);
  const { makeTerminalView } = await import("./terminal-view.ts");
  return makeTerminalView(context);
}
