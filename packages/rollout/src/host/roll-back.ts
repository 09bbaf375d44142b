import { ok, type Result } from "@valet/shared";
import {
  type DeployRecord,
  type GenerationRecord,
  type HostState,
  isLive,
  liftDrain,
  moveGeneration,
} from "./host-state.ts";
import {
  candidateGraceMs,
  candidateOf,
  enterPhase,
  finish,
  type Host,
  startCandidate,
  verifyCandidate,
} from "./procedure.ts";
import { verifyGeneration } from "./verify-generation.ts";

/**
 * Makes a release serve again: a generation of it that still lives is woken, else it is started anew and verified. Only then do newer
 * generations leave. When it cannot be made to run, what runs is left alone.
 */
export async function rollBack(host: Host, record: DeployRecord, signal: AbortSignal): Promise<void> {
  const { imageDigest, imageTag } = record.view;
  if (imageDigest === null) throw new Error("a rollback without a digest was accepted");
  enterPhase(host, record, "rolling_back", `going back to ${imageTag}`);
  const living = livingGeneration(host, imageDigest, record);
  // One that does not wake is no reason to stay on what is being taken back.
  const woken = living ? await wake(host, record, living, signal) : undefined;
  const back = woken?.ok || (woken && signal.aborted) ? woken : await startAnew(host, record, imageDigest, signal);
  if (!back.ok) return finish(host, record, "failed", `${back.error}. What runs was left alone.`);
  host.state.update((state) => giveWay(state, back.value, record));
  const generation = back.value.generation;
  finish(
    host,
    record,
    "rolled_back",
    `${imageTag} serves as generation ${generation}; newer ones leave as their tasks end`,
  );
}

/** One that has served before; a candidate still being verified proves nothing. */
function livingGeneration(host: Host, digest: string, record: DeployRecord): GenerationRecord | undefined {
  return host.generations
    .live()
    .find(
      (entry) =>
        entry.desiredDigest === digest && entry.state !== "starting" && entry.generation !== record.view.generation,
    );
}

async function wake(
  host: Host,
  record: DeployRecord,
  living: GenerationRecord,
  signal: AbortSignal,
): Promise<Result<GenerationRecord, string>> {
  const sound = await verifyGeneration(host.generations.verifyTarget(living), {
    minHealthyMs: 0,
    healthyDeadlineMs: record.command.healthy_deadline_ms ?? 60_000,
    probeUrl: null,
    clock: host.clock,
    signal,
  });
  if (!sound.ok) return { ok: false, error: `generation ${living.generation} cannot be woken: ${sound.error.message}` };
  record.view.generation = living.generation;
  return ok(living);
}

async function startAnew(
  host: Host,
  record: DeployRecord,
  digest: string,
  signal: AbortSignal,
): Promise<Result<GenerationRecord, string>> {
  let candidate = candidateOf(host, record);
  if (!candidate) {
    const installed = await host.store.install(digest, signal);
    if (!installed.ok) return { ok: false, error: `${digest} cannot be had: ${installed.error.message}` };
    candidate = await startCandidate(host, record, { imageTag: record.view.imageTag, digest });
    enterPhase(host, record, "rolling_back", `verifying ${record.view.imageTag}, generation ${candidate.generation}`);
  }
  const verified = await verifyCandidate(host, record, candidate, signal);
  if (verified.ok) return ok(candidate);
  await host.generations.end(candidate, verified.error.message, candidateGraceMs);
  return { ok: false, error: `${record.view.imageTag}: ${verified.error.message}` };
}

/** `back` serves; newer generations drain and end, and are never what a later rollback goes to. */
function giveWay(state: HostState, back: GenerationRecord, record: DeployRecord): void {
  const { deployId, pinned } = record.view;
  moveGeneration(back, "serving", `serves again by rollback ${deployId}`);
  for (const newer of state.generations.filter(
    (entry) => isLive(entry) && entry !== back && entry.state === "serving",
  )) {
    moveGeneration(newer, "draining", `gave way to generation ${back.generation}`);
    // By hand there is no control plane to hand its slots over: it stops taking work at once.
    Object.assign(newer, { afterDrain: "ended", handsOver: !pinned });
  }
  liftDrain(state, deployId);
  state.current = { digest: back.desiredDigest, imageTag: back.imageTag };
  if (state.previous?.digest === back.desiredDigest) state.previous = null;
}
