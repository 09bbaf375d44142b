import { moveGeneration } from "./host-state.ts";
import type { DeployRecord } from "./host-state.ts";
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

/**
 * The new generation is proven beside the old one, which nothing here touches; handing over is the control plane's, one slot at a
 * time. Ends `verified`, `failed` (the candidate is gone, the old generation serves on), or `superseded` (called off).
 */
export async function startFirst(host: Host, record: DeployRecord, signal: AbortSignal): Promise<void> {
  let candidate = candidateOf(host, record);
  if (!candidate) {
    const fetched = await fetchRelease(host, record, signal);
    if (signal.aborted) return finish(host, record, "superseded", "called off before anything was started");
    if (!fetched.ok)
      return finish(host, record, "failed", `${fetched.error.message}. Nothing on this host was changed.`);
    candidate = await startCandidate(host, record, fetched.value);
  }
  const { generation, imageTag } = candidate;
  enterPhase(host, record, "verifying", `verifying ${imageTag}, generation ${generation}`);
  const verified = await verifyCandidate(host, record, candidate, signal);
  if (!verified.ok) {
    const isCancelled = verified.error.kind === "cancelled";
    const message = `${imageTag}: ${verified.error.message}`;
    await host.generations.end(candidate, message, candidateGraceMs);
    const outcome = `Generation ${generation} was ended; what ran before runs on.`;
    return finish(host, record, isCancelled ? "superseded" : "failed", `${message}. ${outcome}`);
  }
  const { view } = record;
  host.state.update(() => moveGeneration(candidate, "serving", `verified by deploy ${view.deployId}`));
  finish(
    host,
    record,
    "verified",
    `${imageTag} runs as generation ${generation} and is verified; waiting for its slots`,
  );
}
