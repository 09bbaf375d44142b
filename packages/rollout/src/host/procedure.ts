import type { AgentDeployPhase } from "@valet/contracts";
import { type Clock, err, ok, type Result } from "@valet/shared";
import type { Generations } from "./generations.ts";
import type { HostConfig } from "./host-config.ts";
import { type DeployRecord, type GenerationRecord, type HostStateFile, isLive, type ReleaseRef } from "./host-state.ts";
import type { RegistryClient } from "./registry-client.ts";
import type { ReleaseStore } from "./release-store.ts";
import { releasesToKeep } from "./releases-to-keep.ts";
import { proveWayBack } from "./way-back.ts";
import { type VerifyError, verifyGeneration } from "./verify-generation.ts";

/** What the procedures work with. */
export interface Host {
  config: HostConfig;
  state: HostStateFile;
  registry: RegistryClient;
  store: ReleaseStore;
  generations: Generations;
  clock: Clock;
  log(event: string, fields: Record<string, unknown>): void;
}

/** Candidates hold no tasks: they need no long goodbye. */
export const candidateGraceMs = 5000;

/** Writes down where a procedure is, before that part of it begins; a restarted agent goes on from here. */
export function enterPhase(host: Host, record: DeployRecord, phase: AgentDeployPhase, message: string): void {
  host.state.update(() => Object.assign(record.view, { phase, message }));
  host.log("deploy_phase", { deployId: record.view.deployId, phase, message });
}

/** Ends a procedure: its outcome and the sentence for people. */
export function finish(host: Host, record: DeployRecord, phase: AgentDeployPhase, message: string): void {
  const endedAt = new Date(host.clock.now()).toISOString();
  host.state.update(() => Object.assign(record.view, { phase, message, endedAt }));
  host.log("deploy_ended", { deployId: record.view.deployId, phase, message });
}

/** The generation this procedure started before the agent was restarted, if it is still there. */
export function candidateOf(host: Host, record: DeployRecord): GenerationRecord | undefined {
  const candidate = record.view.generation === null ? undefined : host.generations.get(record.view.generation);
  return candidate && isLive(candidate) ? candidate : undefined;
}

/**
 * Proves the way back first, and makes room. Then resolves the tag once, pins the digest, downloads, checks and installs. A tag that points elsewhere than the digest asked for, and any failed
 * pull, is a failure of the deploy; nothing runs differently because of it.
 */
export async function fetchRelease(
  host: Host,
  record: DeployRecord,
  signal: AbortSignal,
): Promise<Result<ReleaseRef, { message: string }>> {
  const { image_tag: imageTag, image_digest: pinned } = record.command;
  const startedMs = host.clock.monotonicMs();
  enterPhase(host, record, "fetching", `fetching ${imageTag}`);
  const wayBack = await proveWayBack(host, record, signal);
  if (!wayBack.ok) return wayBack;
  const pruned = await host.store.prune(() => releasesToKeep(host));
  if (!pruned.ok) return pruned;
  const isByDigest = record.command.by_digest === true && pinned !== undefined;
  const resolved = isByDigest ? ok(pinned) : await host.registry.resolveTag(imageTag, signal);
  if (!resolved.ok) return err({ message: `the pull of ${imageTag} failed: ${resolved.error.message}` });
  const digest = resolved.value;
  if (pinned !== undefined && pinned !== digest) {
    return err({
      message: `tag ${imageTag} moved: it points at ${digest}, this deploy is of ${pinned}. Deploy again to take the new one.`,
    });
  }
  host.state.update(() => Object.assign(record.view, { imageDigest: digest, phase: "installing" }));
  const installed = await host.store.install(digest, signal);
  if (!installed.ok) return err({ message: `the pull of ${imageTag} failed: ${installed.error.message}` });
  record.view.timings.fetchMs = Math.round(host.clock.monotonicMs() - startedMs);
  return ok({ imageTag, digest });
}

/** Starts a candidate and, in the same write, notes it in the procedure's record. */
export function startCandidate(host: Host, record: DeployRecord, release: ReleaseRef): Promise<GenerationRecord> {
  const reason = `started for deploy ${record.view.deployId}`;
  return host.generations.create(release, reason, (candidate) => {
    Object.assign(record.view, { generation: candidate.generation, phase: "starting" });
    record.view.message = `starting ${release.imageTag} as generation ${candidate.generation}`;
  });
}

/** Verifies a candidate against the times of the command. */
export async function verifyCandidate(
  host: Host,
  record: DeployRecord,
  candidate: GenerationRecord,
  signal: AbortSignal,
): Promise<Result<void, VerifyError>> {
  const verified = await verifyGeneration(host.generations.verifyTarget(candidate), {
    minHealthyMs: record.command.min_healthy_ms ?? 5000,
    healthyDeadlineMs: record.command.healthy_deadline_ms ?? 60_000,
    probeUrl: host.config.probeUrl,
    clock: host.clock,
    signal,
  });
  if (!verified.ok) return verified;
  record.view.timings.bootMs = Math.round(verified.value.bootMs);
  record.view.timings.verifyMs = Math.round(verified.value.tookMs);
  return ok(undefined);
}
