import { err, ok, type Result } from "@valet/shared";
import {
  type DeployRecord,
  type GenerationRecord,
  liftDrain,
  moveGeneration,
  type ReleaseRef,
  settleOn,
} from "./host-state.ts";
import {
  candidateGraceMs,
  candidateOf,
  enterPhase,
  fetchRelease,
  finish,
  type Host,
  startCandidate,
  verifyCandidate,
} from "./procedure.ts";
import { wayBackOf } from "./way-back.ts";

const defaultDrainTimeoutMs = 60_000;
const drainPollMs = 200;

/**
 * The guide's steps for a host without the memory for two: fetch, drain, stop, start, verify; on failure back to the release the
 * command names. Ends `serving`, `failed` or `rolled_back`. Until the drain is over nothing was stopped.
 */
export async function stopFirst(host: Host, record: DeployRecord, signal: AbortSignal): Promise<void> {
  if (record.view.phase === "rolling_back") return goBack(host, record, record.failure ?? "the new release failed");
  let candidate = candidateOf(host, record);
  if (!candidate) {
    const fetched = hasStopped(record) ?? (await prepare(host, record, signal));
    if (signal.aborted && !hasStopped(record))
      return finish(host, record, "superseded", "called off before anything was stopped");
    if (!fetched.ok)
      return finish(host, record, "failed", `${fetched.error.message}. Nothing on this host was changed.`);
    await stopOld(host, record);
    candidate = await startCandidate(host, record, fetched.value);
  }
  const { generation, imageTag, desiredDigest } = candidate;
  enterPhase(host, record, "verifying", `verifying ${imageTag}, generation ${generation}`);
  const verified = await verifyCandidate(host, record, candidate, AbortSignal.any([]));
  if (!verified.ok) {
    await host.generations.end(candidate, verified.error.message, candidateGraceMs);
    return goBack(host, record, `${imageTag}: ${verified.error.message}`);
  }
  serve(host, record, candidate, { imageTag, digest: desiredDigest });
  finish(host, record, "serving", `${imageTag} serves as generation ${generation}`);
}

/** A restarted agent that had begun to stop what ran: there is no way but on, and all it needs is installed. */
function hasStopped({ view }: DeployRecord): Result<ReleaseRef, never> | undefined {
  if (view.imageDigest === null || !(view.phase === "stopping" || view.phase === "starting")) return undefined;
  return ok({ imageTag: view.imageTag, digest: view.imageDigest });
}

/** Everything that can fail without having touched what runs: the new release, the way back, the drain. */
async function prepare(
  host: Host,
  record: DeployRecord,
  signal: AbortSignal,
): Promise<Result<ReleaseRef, { message: string }>> {
  const fetched = await fetchRelease(host, record, signal);
  if (!fetched.ok) return fetched;
  const back = wayBackOf(record);
  if (back) {
    const installed = await host.store.install(back.digest, signal);
    if (!installed.ok)
      return err({ message: `the way back, ${back.digest}, cannot be had: ${installed.error.message}` });
  }
  await drain(host, record, signal);
  return ok(fetched.value);
}

/** Waits until every generation says that it accepts nothing and runs nothing. Silence is not idleness: it waits on. */
async function drain(host: Host, record: DeployRecord, signal: AbortSignal): Promise<void> {
  const timeoutMs = record.command.drain_timeout_ms ?? defaultDrainTimeoutMs;
  const deadlineMs = host.clock.monotonicMs() + timeoutMs;
  enterPhase(host, record, "draining", `draining, for at most ${timeoutMs} ms`);
  for (;;) {
    const busy = await stillBusy(host);
    if (busy.length === 0 || signal.aborted) return;
    if (host.clock.monotonicMs() >= deadlineMs) {
      const message = `not drained after ${timeoutMs} ms (${busy.join(", ")}): stopping with ${host.config.stopGraceMs} ms to end`;
      return enterPhase(host, record, "draining", message);
    }
    await host.clock.sleep(drainPollMs);
  }
}

async function stillBusy(host: Host): Promise<string[]> {
  const told = await Promise.all(
    host.generations.live().map(async (record) => {
      await host.generations.gh(record).setDraining(true);
      const status = await host.generations.gh(record).workerStatus();
      if (!status) return `generation ${record.generation} does not answer`;
      if (status.active_jobs > 0) return `generation ${record.generation} runs ${status.active_jobs}`;
      return status.accepting ? `generation ${record.generation} still accepts` : undefined;
    }),
  );
  return told.filter((entry): entry is string => entry !== undefined);
}

async function stopOld(host: Host, record: DeployRecord): Promise<void> {
  const old = host.generations.live();
  const numbers = old.map(({ generation }) => generation).join(", ");
  enterPhase(host, record, "stopping", old.length === 0 ? "nothing to stop" : `stopping generation ${numbers}`);
  await Promise.all(old.map((entry) => host.generations.end(entry, `replaced by deploy ${record.view.deployId}`)));
}

async function goBack(host: Host, record: DeployRecord, failure: string): Promise<void> {
  const back = wayBackOf(record);
  if (!back)
    return finish(
      host,
      record,
      "failed",
      `${failure}. There is no earlier release to go back to: nothing runs here now.`,
    );
  record.failure = failure;
  enterPhase(host, record, "rolling_back", `${failure}. Going back to ${back.digest}`);
  const resumed = host.generations.live().find(({ desiredDigest }) => desiredDigest === back.digest);
  const revived =
    resumed ?? (await host.generations.create(back, `back after a failed deploy: ${failure}`, () => undefined));
  const verified = await verifyCandidate(host, record, revived, AbortSignal.any([]));
  // Sound or not, it is the release that is known to be good: it stays up and is kept up.
  serve(host, record, revived, back);
  if (verified.ok)
    return finish(
      host,
      record,
      "rolled_back",
      `${failure}. ${back.imageTag} serves again as generation ${revived.generation}`,
    );
  finish(
    host,
    record,
    "failed",
    `${failure}. Going back to ${back.digest} did not verify either: ${verified.error.message}`,
  );
}

function serve(host: Host, record: DeployRecord, generation: GenerationRecord, release: ReleaseRef): void {
  host.state.update((state) => {
    moveGeneration(generation, "serving", "serves after a stop-first deploy");
    settleOn(state, release);
    liftDrain(state, record.view.deployId);
  });
}
