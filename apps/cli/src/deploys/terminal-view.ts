import { Writable } from "node:stream";
import { type DeployView, analysisText } from "@valet/contracts";
import type { HostStepState } from "@valet/shared";
import { DefaultRenderer, Listr, ListrLogger, type ListrTaskWrapper, ProcessOutput } from "listr2";
import type { CliContext } from "../context.ts";
import { plainText } from "../plain-text.ts";
import { courseText, isEnded } from "./deploy-changes.ts";
import { endText, headText } from "./deploy-text.ts";
import { makeLinesView } from "./lines-view.ts";
import type { DeployWatchView } from "./watch-deploy.ts";

/** Whoever asks for this view has already looked whether there is a terminal. */
class TerminalRenderer extends DefaultRenderer {
  static override nonTTY = true;
}
type Wrapper = ListrTaskWrapper<object, typeof TerminalRenderer, typeof TerminalRenderer>;

/** One way through the hosts: forward, or back. A list of its own, so that what went before stays readable above. */
type Direction = "forward" | "back";
interface Item {
  wrapper: Wrapper | null;
  title: string;
  output: string;
  end: { how: "done" | "failed" | "skipped"; text: string } | null;
  settle: () => void;
}
interface Phase {
  direction: Direction;
  items: Map<string, Item>;
  finished: Promise<unknown>;
}

/** A live list: a line a host and one for the deploy itself. More hosts than the terminal has lines: plain lines instead. */
export function makeTerminalView(context: CliContext): DeployWatchView {
  const lines = makeLinesView(context);
  let phase: Phase | null = null;
  let isHeadWritten = false;
  let isTooLong = false;

  return {
    show: (view) => {
      isTooLong ||= view.hosts.length + 4 > (context.io.stdout.rows ?? 24);
      if (isTooLong) return lines.show(view);
      if (!isHeadWritten) context.io.stdout.write(`${headText(view)}\n`);
      isHeadWritten = true;
      // The hosts are known once the deploy has started; until then only its own line can be shown.
      if (view.hosts.length === 0 && !isEnded(view)) return;
      const direction = directionOf(view);
      if (phase && phase.direction !== direction) endPhase(phase, "rolled back instead");
      if (phase?.direction !== direction) phase = startPhase(context, direction, view);
      update(phase, view);
    },
    away: (failure) => {
      if (isTooLong) return lines.away(failure);
      const item = phase?.items.get(deployKey);
      if (item) render(item, failure ? `${failure.message}; trying again` : "");
    },
    end: async (last) => {
      if (phase) endPhase(phase, "");
      await phase?.finished;
      if (last) context.io.stdout.write(`${endText(context, last)}\n`);
    },
  };
}

const deployKey = "deploy";

function directionOf({ state }: DeployView): Direction {
  return state === "rolling_back" || state === "rollback_paused" || state === "rolled_back" ? "back" : "forward";
}

function startPhase(context: CliContext, direction: Direction, view: DeployView): Phase {
  const keys = [...view.hosts.map(({ sandboxId }) => sandboxId), deployKey];
  const items = new Map(keys.map((key) => [key, makeItem()]));
  const listr = new Listr<object, typeof TerminalRenderer, typeof TerminalRenderer>(
    [...items.values()].map((item) => ({
      title: " ",
      task: (_shared, wrapper) => {
        item.wrapper = wrapper;
        render(item, item.output);
        return new Promise<void>((resolve, reject) => {
          item.settle = () => {
            if (item.end?.how === "failed") return reject(new Error(item.end.text));
            if (item.end?.how === "skipped") wrapper.skip(item.end.text);
            resolve();
          };
          if (item.end) item.settle();
        });
      },
    })),
    {
      concurrent: true,
      exitOnError: false,
      // Ctrl-C is the program's business.
      registerSignalListeners: false,
      renderer: TerminalRenderer,
      rendererOptions: {
        formatOutput: "truncate",
        logger: new ListrLogger({ useIcons: true, toStderr: [], processOutput: processOutput(context) }),
      },
    },
  );
  return { direction, items, finished: listr.run() };
}

function makeItem(): Item {
  return { wrapper: null, title: " ", output: "", end: null, settle: () => undefined };
}

function update(phase: Phase, view: DeployView): void {
  for (const host of view.hosts) {
    const item = phase.items.get(host.sandboxId);
    if (!item || item.end) continue;
    item.title = `${plainText(host.sandboxName)}  ${host.step}`;
    render(item, host.reason);
    const how = hostEnd(phase.direction, host.step, isEnded(view));
    if (how) finish(item, how, `${item.title}  ${plainText(host.reason)}`);
  }
  const item = phase.items.get(deployKey);
  if (!item || item.end) return;
  item.title = `deploy  ${view.state}`;
  const waiting = view.waitingOn.length > 0 ? `waits for ${view.waitingOn.join(", ")}` : "";
  const course = [courseText(view), view.analysis && analysisText(view.analysis)].filter(Boolean).join("; ");
  render(item, course || waiting || view.stateReason);
  if (isEnded(view)) finish(item, view.state === "completed" ? "done" : "failed", `${item.title}  ${view.stateReason}`);
}

function hostEnd(direction: Direction, step: HostStepState, isOver: boolean): "done" | "failed" | "skipped" | null {
  if (step === "skipped") return "skipped";
  // On the way back a failed host is one that still has to be taken back.
  if (step === "failed") return direction === "forward" || isOver ? "failed" : null;
  if (direction === "forward") return step === "updated" ? "done" : null;
  if (step === "rolled_back") return "done";
  return step === "pending" ? "skipped" : null;
}

function render(item: Item, output: string): void {
  item.output = plainText(output);
  if (!item.wrapper) return;
  item.wrapper.title = item.title;
  item.wrapper.output = item.output;
}

function finish(item: Item, how: "done" | "failed" | "skipped", text: string): void {
  item.end = { how, text: plainText(text) };
  item.settle();
}

/** What has not ended stays as it last was. */
function endPhase(phase: Phase, why: string): void {
  for (const item of phase.items.values()) {
    if (!item.end) finish(item, "skipped", why === "" ? item.title : `${item.title}  ${why}`);
  }
}

/** The CLI's own output as the streams that listr2 wants. */
function processOutput(context: CliContext): ProcessOutput {
  const { stdout } = context.io;
  const stream = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      stdout.write(chunk.toString());
      done();
    },
  });
  const terminal = Object.assign(stream, {
    isTTY: true,
    columns: stdout.columns ?? 80,
    rows: stdout.rows ?? 24,
  }) as unknown as NodeJS.WriteStream;
  return new ProcessOutput(terminal, terminal);
}
