import type { AgentDeploy } from "@valet/contracts";
import type { HostStep } from "../model.ts";
import { generationOf, type SeenObservation } from "../observation.ts";
import { say, type Draft } from "./draft.ts";

export type Attestation = { kind: "sound" } | { kind: "waits"; message: string } | { kind: "wrong"; message: string };

/**
 * Whether the host's new generation really runs the release: by the digest its processes computed from their own files, not
 * by what was asked for and not by the host's word that it accepted the deploy.
 */
export function attest(draft: Draft, host: HostStep, seen: SeenObservation): Attestation {
  const wanted = draft.deploy.imageDigest;
  const generation = generationOf(seen, host.newGeneration);
  if (!generation) return { kind: "waits", message: "for its new generation to be listed by the agent" };
  if (generation.imageDigest === null)
    return { kind: "waits", message: "for the new processes to report their digest" };
  if (generation.imageDigest !== wanted) {
    return {
      kind: "wrong",
      message: `generation ${generation.generation} runs ${generation.imageDigest}, but ${wanted ?? "no digest"} was deployed`,
    };
  }
  if (!generation.healthy) return { kind: "waits", message: `for generation ${generation.generation} to be healthy` };
  return sound;
}

const sound: Attestation = { kind: "sound" };

/**
 * Pins the deploy to the digest that the first host's pull resolved the tag to. A host whose pull resolved it to another one
 * is told so: the tag moved, and nobody can say which of the two was meant.
 */
export function pinDigest(draft: Draft, host: HostStep, current: AgentDeploy): Attestation {
  const { deploy } = draft;
  if (current.imageDigest === null) return { kind: "sound" };
  if (deploy.imageDigest === null) {
    deploy.imageDigest = current.imageDigest;
    say(draft, `pinned ${deploy.imageTag} to ${current.imageDigest}, as ${host.name} resolved it`, {
      digest: current.imageDigest,
    });
    return { kind: "sound" };
  }
  if (current.imageDigest === deploy.imageDigest) return { kind: "sound" };
  return {
    kind: "wrong",
    message: `tag ${deploy.imageTag} moved: ${host.name} resolved ${current.imageDigest}, this deploy is pinned to ${deploy.imageDigest}`,
  };
}
