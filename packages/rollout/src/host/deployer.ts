import { randomUUID } from "node:crypto";
import type { AgentDeploy, AgentDeployCommand } from "@valet/contracts";
import { agentDeployCommandSchema } from "@valet/contracts";
import { err, ok, type Result } from "@valet/shared";
import { type DeployRecord, isLive, moveGeneration, type ReleaseRef, settleOn } from "./host-state.ts";
import { finish, type Host } from "./procedure.ts";
import { rollBack } from "./roll-back.ts";
import { startFirst } from "./start-first.ts";
import { stopFirst } from "./stop-first.ts";

export interface Refused {
  kind: "busy" | "unknown_generation" | "no_way_back" | "still_needed";
  message: string;
}

export interface Deployer {
  /** The procedure that runs now, if any: one at a time. */
  running(): AgentDeploy | undefined;
  latest(): AgentDeploy | undefined;
  find(deployId: string): AgentDeploy | undefined;
  /** Whether a deploy may begin; changes nothing. */
  mayDeploy(command: AgentDeployCommand): Result<void, Refused>;
  /** Notes the deploy and begins it. The same deploy again, while it runs or stands, begins nothing. */
  deploy(command: AgentDeployCommand, epoch: number): AgentDeploy;
  settle(command: { deploy_id: string; generation: number; rollback_window_ms?: number }): Result<string, Refused>;
  rollback(
    command: { deploy_id?: string; image_digest?: string; epoch?: number },
    epoch: number,
  ): Result<AgentDeploy, Refused>;
  /** Ends one generation; the candidate of a running deploy ends with its deploy. */
  end(generation: number, force: boolean): Promise<Result<string, Refused>>;
  /** Calls a running procedure off, where it has not gone too far; whoever fences a deploy does not want it any more. */
  callOff(deployId: string): AgentDeploy | undefined;
  /** Goes on with what a killed agent left half done. */
  resume(): void;
  /** Waits for the procedure to reach a place where it can be left; used when the agent ends. */
  stop(): Promise<void>;
}

const unwritableRetryMs = 2_000;

/** Takes commands one at a time and runs their procedures in the background. Callers have admitted the epoch already. */
export function makeDeployer(host: Host): Deployer {
  const { state, generations } = host;
  let current: { record: DeployRecord; cancel: AbortController; done: Promise<void> } | undefined;
  const records = () => state.value.deploys;
  const lastOf = (deployId: string) => records().findLast(({ view }) => view.deployId === deployId);

  function begin(record: DeployRecord): void {
    const cancel = new AbortController();
    if (record.calledOff !== null) cancel.abort(new Error(record.calledOff));
    const procedure =
      record.kind === "rollback" ? rollBack : record.view.order === "start-first" ? startFirst : stopFirst;
    const previous = current?.done ?? Promise.resolve();
    const done = previous
      .then(() => procedure(host, record, cancel.signal))
      .catch((error: unknown) => {
        const message = error instanceof Error ? error.message : String(error);
        return finishWhenWritable(record, `the procedure broke: ${message}. See the agent's log.`);
      })
      .finally(() => {
        if (current?.record === record) current = undefined;
      });
    current = { record, cancel, done };
  }

  /** A full disk broke it, perhaps, and takes its end down no more than its steps: an unfinished one would stand for ever. */
  async function finishWhenWritable(record: DeployRecord, message: string): Promise<void> {
    while (current?.record === record) {
      try {
        return finish(host, record, "failed", message);
      } catch (error) {
        host.log("end_not_written", { deployId: record.view.deployId, error: String(error) });
        await host.clock.sleep(unwritableRetryMs);
      }
    }
  }

  /** Written first: an agent that is killed after its answer must not go on with what was called off. */
  function cancelCurrent(reason: string): void {
    if (!current) return;
    const { record, cancel } = current;
    state.update(() => (record.calledOff = reason));
    cancel.abort(new Error(reason));
  }

  function note(record: DeployRecord): AgentDeploy {
    state.update((value) => void value.deploys.push(record));
    begin(record);
    return record.view;
  }

  /** The same deploy, and what it started is still there. */
  function standing(command: AgentDeployCommand): DeployRecord | undefined {
    const known = command.deploy_id === undefined ? undefined : lastOf(command.deploy_id);
    if (!known || known.kind !== "deploy" || known.command.image_tag !== command.image_tag) return undefined;
    if (known.view.endedAt === null) return known;
    const generation = known.view.generation === null ? undefined : generations.get(known.view.generation);
    const isUp = known.view.phase === "verified" || known.view.phase === "serving";
    return isUp && generation && isLive(generation) ? known : undefined;
  }

  /** A command that changes nothing any more was still taken: whoever sent it looks for its epoch. */
  function renumber(record: DeployRecord, epoch: number): AgentDeploy {
    state.update(() => (record.view.epoch = epoch));
    return record.view;
  }

  function mayDeploy(command: AgentDeployCommand): Result<void, Refused> {
    if (!current || standing(command) === current.record) return ok(undefined);
    const { deployId, imageTag, phase } = current.record.view;
    return err({
      kind: "busy",
      message: `deploy ${deployId} of ${imageTag} is running (${phase}): wait for it, or roll it back`,
    });
  }

  return {
    running: () => current?.record.view,
    latest: () => records().at(-1)?.view,
    find: (deployId) => lastOf(deployId)?.view,
    mayDeploy,
    deploy(command, epoch) {
      const known = standing(command);
      return known ? renumber(known, epoch) : note(deployRecord(host, command, epoch));
    },

    settle({ deploy_id, generation, rollback_window_ms = 1_800_000 }) {
      const winner = generations.get(generation);
      if (!winner || winner.state === "starting" || !isLive(winner)) {
        return err({
          kind: "unknown_generation",
          message: `generation ${generation} is not one that could serve here`,
        });
      }
      state.update((value) => {
        moveGeneration(winner, "serving", `settled by deploy ${deploy_id}`);
        settleOn(value, { imageTag: winner.imageTag, digest: winner.desiredDigest });
        for (const other of value.generations) {
          if (other === winner || !(other.state === "serving" || other.state === "draining")) continue;
          moveGeneration(other, "draining", `generation ${generation} won deploy ${deploy_id}`);
          const afterDrain = other.generation > generation || other.afterDrain === "ended" ? "ended" : "warm";
          Object.assign(other, { afterDrain, handsOver: false, warmForMs: rollback_window_ms });
        }
        const record = value.deploys.findLast(({ view }) => view.deployId === deploy_id);
        if (record?.view.phase === "verified") {
          Object.assign(record.view, {
            phase: "serving",
            message: `${winner.imageTag} serves as generation ${generation}`,
          });
        }
      });
      return ok(`generation ${generation} serves; older ones drain`);
    },

    rollback(command, epoch) {
      const release = rollbackTarget(host, command.image_digest);
      if (!release) {
        return err({
          kind: "no_way_back",
          message: "no earlier release is on record here: name one with image_digest",
        });
      }
      const running = current?.record;
      if (running?.kind === "rollback" && running.view.imageDigest === release.digest)
        return ok(renumber(running, epoch));
      cancelCurrent("rolled back");
      const record = deployRecord(host, { image_tag: release.imageTag, ...command, order: "start-first" }, epoch);
      record.kind = "rollback";
      Object.assign(record.view, { imageDigest: release.digest, phase: "rolling_back" });
      return ok(note(record));
    },

    async end(generation, force) {
      const record = generations.get(generation);
      if (!record) return err({ kind: "unknown_generation", message: `there is no generation ${generation} here` });
      if (!isLive(record)) return ok(`generation ${generation} has ended`);
      if (current?.record.view.generation === generation && record.state === "starting") {
        const { deployId } = current.record.view;
        cancelCurrent("its generation was ended");
        return ok(`generation ${generation} ends; deploy ${deployId} is called off`);
      }
      const jobs = (await generations.gh(record).workerStatus())?.active_jobs;
      if (!force && jobs !== 0) {
        const why = jobs === undefined ? "does not say what it runs" : `runs ${jobs}`;
        return err({
          kind: "still_needed",
          message: `generation ${generation} ${why}: drain it first, or end it with force`,
        });
      }
      generations.end(record, "ended by command").catch((error: unknown) => {
        host.log("end_failed", { generation, error: error instanceof Error ? error.message : String(error) });
      });
      return ok(`generation ${generation} ends`);
    },

    callOff(deployId) {
      if (current?.record.view.deployId !== deployId) return undefined;
      const { view } = current.record;
      cancelCurrent("fenced off");
      return view;
    },

    resume() {
      for (const record of records().filter(({ view }) => view.endedAt === null)) begin(record);
    },

    async stop() {
      // What has begun is on disk: the next agent goes on with it.
      current = undefined;
    },
  };
}

function deployRecord(host: Host, command: AgentDeployCommand, epoch: number): DeployRecord {
  const parsed = agentDeployCommandSchema.parse(command);
  const serving = host.generations.live().find((record) => record.state === "serving");
  return {
    kind: "deploy",
    command: parsed,
    before: serving ? { imageTag: serving.imageTag, digest: serving.desiredDigest } : null,
    failure: null,
    calledOff: null,
    view: {
      deployId: parsed.deploy_id ?? randomUUID(),
      epoch,
      imageTag: parsed.image_tag,
      imageDigest: parsed.image_digest ?? null,
      order: parsed.order,
      generation: null,
      phase: "fetching",
      message: `deploy of ${parsed.image_tag} accepted`,
      startedAt: new Date(host.clock.now()).toISOString(),
      endedAt: null,
      pinned: parsed.deploy_id === undefined || parsed.direct === true,
      timings: {},
    },
  };
}

/** The digest named; else what was last settled on, when something newer serves; else what was recorded before it. */
function rollbackTarget({ state, generations }: Host, digest: string | undefined): ReleaseRef | undefined {
  const { current, previous } = state.value;
  if (digest !== undefined) {
    const known = state.value.generations.findLast(({ desiredDigest }) => desiredDigest === digest);
    return { digest, imageTag: known?.imageTag ?? digest.slice(7, 19) };
  }
  const serving = generations.live().find((record) => record.state === "serving");
  if (current && serving && serving.desiredDigest !== current.digest) return current;
  return previous ?? undefined;
}
