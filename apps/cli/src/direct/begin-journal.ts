import { randomUUID } from "node:crypto";
import { hostname, userInfo } from "node:os";
import type { AgentHealth } from "@valet/contracts";
import { freshCourse } from "@valet/rollout";
import { type RolloutKnobs, defaultKnobs } from "@valet/shared";
import type { DeployCreateFlags } from "../commands/deploys.ts";
import { parseKnobs } from "../deploys/knobs.ts";
import { usageFailure } from "../failure.ts";
import type { DirectHost } from "./direct-host.ts";
import type { Discovered } from "./discover.ts";
import type { DirectJournal, JournalHost } from "./journal-file.ts";

/** A host and what it said about itself; null: it did not answer, and why. */
export interface ProbedHost extends DirectHost {
  key: string;
  health: AgentHealth | null;
  why: string;
}

/** The journal as it stands before anything was told to any host. */
export function beginJournal(
  imageTag: string,
  flags: DeployCreateFlags,
  found: Discovered,
  hosts: readonly ProbedHost[],
  nowMs: number,
): DirectJournal {
  const lastCompleted = found.lastCompleted ?? agreedRelease(hosts);
  const actor = `${userInfo().username}@${hostname()}`;
  return {
    version: 1,
    actor,
    createdAt: nowMs,
    isWhole: found.isWhole,
    lastCompleted,
    hosts: hosts.map(journalHost),
    decisions: [
      {
        at: nowMs,
        summary: `deploy of ${imageTag} past the API, by ${actor}: ${flags.reason ?? "no reason given"}`,
        data: { source: found.source, lastCompleted },
      },
    ],
    uploadedAt: null,
    document: {
      id: randomUUID(),
      environment: flags.environment,
      service: "ghosthands",
      imageTag,
      imageDigest: flags.imageDigest ?? null,
      previousTag: null,
      previousDigest: null,
      state: "queued",
      stateReason: "begun past the API",
      revision: 1,
      knobs: directKnobs(flags),
      waitingOn: [],
      request: null,
      engine: { kind: "waiting" },
      course: freshCourse(),
      analysis: null,
      createdBy: `direct: ${actor}`,
      ignoreFreeze: true,
      sandboxIds: null,
      startedAt: null,
      endedAt: null,
      hosts: [],
    },
  };
}

/** Steps over a share of tasks and analyses need the database; past the API only hosts can be counted. */
function directKnobs(flags: DeployCreateFlags): RolloutKnobs {
  const given = parseKnobs(flags.knob, flags.strategy);
  if (given.strategy !== undefined && given.strategy !== "rolling") {
    throw usageFailure(`--knob strategy=${given.strategy} needs the API`, "Past it a deploy is rolling.");
  }
  const override = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  return { ...defaultKnobs(given.order), ...override };
}

function journalHost({ key, sandboxId, name, address, agentPort, health }: ProbedHost): JournalHost {
  return {
    ...{ key, sandboxId, name, address, agentPort },
    isAway: health === null,
    epoch: health?.epoch ?? 0,
    targetGeneration: health?.generation ?? null,
    isCordoned: false,
    state: "active",
  };
}

/** What most hosts say they serve: without the API's word, the only release known to be good here. null when none serves. */
function agreedRelease(hosts: readonly ProbedHost[]): { tag: string; digest: string } | null {
  const counts = new Map<string, { tag: string; digest: string; count: number }>();
  for (const { health } of hosts) {
    if (!health?.imageDigest || !health.imageTag) continue;
    const known = counts.get(health.imageDigest) ?? { tag: health.imageTag, digest: health.imageDigest, count: 0 };
    counts.set(health.imageDigest, { ...known, count: known.count + 1 });
  }
  const [most] = [...counts.values()].sort((a, b) => b.count - a.count);
  return most ? { tag: most.tag, digest: most.digest } : null;
}
