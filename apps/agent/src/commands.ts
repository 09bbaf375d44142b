import {
  agentDeployCommandSchema,
  agentEpochCommandSchema,
  agentRollbackCommandSchema,
  agentSettleCommandSchema,
  imageTagSchema,
} from "@valet/contracts";
import type { z } from "zod";
import type { Caller as IdentifiedCaller } from "./authenticate.ts";
import type { AppDeps } from "./app.ts";

export interface Answer {
  status: number;
  body: unknown;
  headers?: Record<string, string>;
}
export type Caller = Exclude<IdentifiedCaller, { kind: "refused" }>;

export interface Command {
  /** May be given unsigned from the host itself. */
  isOpenToLocal: boolean;
  run(deps: AppDeps, body: string, caller: Caller): Promise<Answer>;
}

/** The command behind a path, or undefined. */
export function findCommand(path: string): Command | undefined {
  const generation = /^\/generations\/(\d{1,9})\/end$/.exec(path)?.[1];
  if (generation !== undefined)
    return { isOpenToLocal: false, run: (deps, body) => endGeneration(deps, body, Number(generation)) };
  const worker = /^\/workers\/([A-Za-z0-9._-]{1,64})\/(start|stop)$/.exec(path);
  if (worker)
    return {
      isOpenToLocal: false,
      run: (deps, body) => targetedWorker(deps, body, worker[1] ?? "", worker[2] === "start"),
    };
  const run = commands[path];
  return run && { isOpenToLocal: path === "/deploy", run };
}

const commands: Record<string, Command["run"]> = {
  "/deploy": deploy,
  "/settle": settle,
  "/rollback": rollback,
  "/drain": (deps, body) => drain(deps, body, true),
  "/undrain": (deps, body) => drain(deps, body, false),
  "/fence": fence,
};

async function deploy(deps: AppDeps, text: string, caller: Caller): Promise<Answer> {
  const json = parseJson(text);
  if (!json.ok) return { status: 400, body: { error: "Invalid JSON body" } };
  const tag =
    typeof json.value === "object" && json.value !== null && "image_tag" in json.value
      ? json.value.image_tag
      : undefined;
  if (tag === undefined || tag === null || tag === "") return { status: 400, body: { error: "Missing image_tag" } };
  if (!imageTagSchema.safeParse(tag).success) return { status: 400, body: { error: "Invalid image_tag format" } };
  return withBody(agentDeployCommandSchema, text, (given) => {
    // By hand: no place in the control plane's order, and a pin that shows.
    const command = caller.kind === "signed" ? given : { ...given, epoch: undefined, deploy_id: undefined };
    return inOrder(deps, command.epoch, () => {
      const { deployer, ledger } = deps.open;
      const allowed = deployer.mayDeploy(command);
      if (!allowed.ok) return refuse(409, "conflict", allowed.error.message, { epoch: ledger.current() });
      return () => {
        // By hand it has no epoch: with the ledger's newest, the engine would take it for its own last command.
        const { deployId, imageTag } = deployer.deploy(command, command.epoch ?? 0);
        const message = `Deploy of ${imageTag} initiated`;
        return { status: 200, body: { success: true, message, image_tag: imageTag, deploy_id: deployId } };
      };
    });
  });
}

async function settle(deps: AppDeps, text: string): Promise<Answer> {
  return withBody(agentSettleCommandSchema, text, (command) =>
    inOrder(deps, command.epoch, () => () => {
      const settled = deps.open.deployer.settle(command);
      return settled.ok ? done(deps, settled.value) : refuse(409, "conflict", settled.error.message);
    }),
  );
}

async function rollback(deps: AppDeps, text: string): Promise<Answer> {
  return withBody(agentRollbackCommandSchema, text, (command) =>
    inOrder(deps, command.epoch, () => () => {
      const begun = deps.open.deployer.rollback(command, deps.open.ledger.current());
      if (!begun.ok) return refuse(409, "conflict", begun.error.message);
      const { deployId, imageTag } = begun.value;
      const answer = done(deps, `rolling back to ${imageTag}`);
      return { ...answer, body: { ...(answer.body as object), deploy_id: deployId } };
    }),
  );
}

async function drain(deps: AppDeps, text: string, draining: boolean): Promise<Answer> {
  return withBody(agentEpochCommandSchema, text, (command) =>
    inOrder(deps, command.epoch, () => async () => {
      const deaf = await deps.open.host.generations.drainHost(draining, command.deploy_id ?? "operator");
      const what = draining ? "draining" : "accepting";
      return done(
        deps,
        deaf === 0 ? what : `${what}; ${deaf} GH worker did not answer and is told again until it does`,
      );
    }),
  );
}

/** From now on every older command that is still under way is refused; the named deploy's own procedure is called off. */
async function fence(deps: AppDeps, text: string): Promise<Answer> {
  return withBody(agentEpochCommandSchema.required({ epoch: true }), text, (command) =>
    inOrder(deps, command.epoch, () => () => {
      const off = command.deploy_id === undefined ? undefined : deps.open.deployer.callOff(command.deploy_id);
      const running = off ? undefined : deps.open.deployer.running();
      if (running) return done(deps, `fenced; deploy ${running.deployId} goes on (${running.phase})`);
      return done(deps, off ? `fenced; deploy ${off.deployId} is called off in ${off.phase}` : "fenced; nothing runs");
    }),
  );
}

async function endGeneration(deps: AppDeps, text: string, generation: number): Promise<Answer> {
  return withBody(agentEpochCommandSchema, text, (command) =>
    inOrder(deps, command.epoch, () => async () => {
      const ended = await deps.open.deployer.end(generation, command.force ?? false);
      if (ended.ok) return done(deps, ended.value);
      const isUnknown = ended.error.kind === "unknown_generation";
      return refuse(isUnknown ? 404 : 409, isUnknown ? "not_found" : "conflict", ended.error.message);
    }),
  );
}

async function targetedWorker(deps: AppDeps, text: string, workerId: string, start: boolean): Promise<Answer> {
  return withBody(agentEpochCommandSchema, text, (command) =>
    inOrder(deps, command.epoch, () => async () => {
      const { targetedWorkers } = deps.open;
      if (start) {
        const started = await targetedWorkers.start(workerId);
        return started.ok
          ? { status: 200, body: { success: true, ...started.value } }
          : refuse(409, "conflict", started.error.message);
      }
      const stopped = await targetedWorkers.stop(workerId);
      return stopped.ok ? done(deps, `${workerId} stopped`) : refuse(404, "not_found", stopped.error.message);
    }),
  );
}

/**
 * The order of commands: an epoch that is not newer is refused; whatever else may refuse comes before the ledger, so that it changes nothing;
 * then the epoch is on disk, and only then the command acts.
 */
async function inOrder(
  deps: AppDeps,
  epoch: number | undefined,
  prepare: () => Answer | (() => Answer | Promise<Answer>),
): Promise<Answer> {
  const { ledger } = deps.open;
  const checked = epoch === undefined ? undefined : ledger.check(epoch);
  if (checked && !checked.ok) return refuse(409, "stale_epoch", checked.error.message, { epoch: checked.error.epoch });
  const prepared = prepare();
  if (typeof prepared !== "function") return prepared;
  if (epoch !== undefined) {
    const admitted = ledger.admit(epoch);
    if (!admitted.ok) return refuse(409, "stale_epoch", admitted.error.message, { epoch: admitted.error.epoch });
  }
  return prepared();
}

async function withBody<T>(schema: z.ZodType<T>, text: string, act: (command: T) => Promise<Answer>): Promise<Answer> {
  const json = text.trim() === "" ? { ok: true as const, value: {} } : parseJson(text);
  if (!json.ok) return { status: 400, body: { error: "Invalid JSON body" } };
  const parsed = schema.safeParse(json.value);
  if (parsed.success) return act(parsed.data);
  const details = parsed.error.issues.map((issue) => ({
    field: issue.path.join("."),
    message: issue.message,
    code: issue.code,
  }));
  const named = details.map(({ field, message }) => `${field || "body"}: ${message}`).join("; ");
  return refuse(422, "validation", named, { details });
}

function parseJson(text: string): { ok: true; value: unknown } | { ok: false } {
  try {
    return { ok: true, value: JSON.parse(text) };
  } catch (error) {
    if (error instanceof SyntaxError) return { ok: false };
    throw error;
  }
}

function done(deps: AppDeps, message: string): Answer {
  return { status: 200, body: { success: true, message, epoch: deps.open.ledger.current() } };
}

export function refuse(status: number, error: string, message: string, more: Record<string, unknown> = {}): Answer {
  return { status, body: { error, message, ...more } };
}
