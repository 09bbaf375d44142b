import type { DeployDocument, DeployStore, EnvironmentFacts, SandboxFacts, Write } from "@valet/rollout";
import { assertNever, type Clock } from "@valet/shared";
import type { DirectJournal, JournalFolder, JournalHost } from "./journal-file.ts";

/** Past this silence a host counts as away: the deploy goes on without it, and it converges when it returns. */
export const awayAfterMs = 60_000;

export interface JournalStoreDeps {
  folder: JournalFolder;
  id: string;
  clock: Clock;
  /** Since when a host has not answered; null while it does. */
  silentSince(key: string): number | null;
}

/**
 * One deploy in one file. Without a database nobody reserves and nobody hands slots over: the hosts' own word on their tasks is all
 * there is, and slots follow when the API has taken the journal. What the engine writes about a host is kept with it.
 */
export function makeJournalStore({ folder, id, clock, silentSince }: JournalStoreDeps): DeployStore {
  const journal = (): DirectJournal => {
    const found = folder.read(id);
    if (!found) throw new Error(`the journal ${folder.pathOf(id)} is gone`);
    return found;
  };
  return {
    load: async (deployId) => (deployId === id ? journal().document : null),
    listOpen: async () => [id],
    async facts(deploy) {
      const { hosts, lastCompleted } = journal();
      return {
        environment: environmentFacts(hosts, lastCompleted, deploy),
        sandboxes: hosts.map((host) => factsOf(host, deploy, silentSince(host.key), clock.now())),
      };
    },
    async save(next, expectedRevision, change) {
      const now = journal();
      if (now.document.revision !== expectedRevision) return "lost_race";
      const decisions = change.decisions.map((decision) => ({ at: clock.now(), ...decision }));
      folder.write({
        ...now,
        document: next,
        hosts: now.hosts.map((host) => change.writes.reduce(withWrite, host)),
        decisions: [...now.decisions, ...decisions],
      });
      return "saved";
    },
  };
}

function environmentFacts(
  hosts: readonly JournalHost[],
  lastCompleted: DirectJournal["lastCompleted"],
  deploy: DeployDocument,
): EnvironmentFacts {
  return {
    activeDeployId: null,
    olderQueuedId: null,
    newerQueuedId: null,
    lastCompleted,
    // Nothing to allow here: the API does that when it takes the journal.
    allowedDigests: [deploy.imageDigest, lastCompleted?.digest].filter((digest) => typeof digest === "string"),
    deployCordoned: hosts.filter((host) => host.isCordoned).map((host) => host.key),
    samples: null,
    approvals: [],
    requiredApprovals: 0,
    freezes: [],
    contractMigrations: [],
  };
}

function factsOf(host: JournalHost, deploy: DeployDocument, silent: number | null, now: number): SandboxFacts {
  const isGone = host.isAway || (silent !== null && now - silent >= awayAfterMs);
  const cordons: SandboxFacts["cordons"] = [];
  if (host.isCordoned) {
    cordons.push({ holderKind: "deploy", holderId: deploy.id, reason: `direct deploy of ${deploy.imageTag}` });
  }
  if (isGone) cordons.push({ holderKind: "health", holderId: "unreachable", reason: "its agent does not answer" });
  return {
    sandboxId: host.key,
    name: host.name,
    state: host.state,
    epoch: host.epoch,
    targetGeneration: host.targetGeneration,
    targetSlots: null,
    // Its session is with the API, which is down.
    sessionLive: true,
    unreachableSince: host.isAway ? 0 : silent,
    slots: [],
    openAttempts: [],
    cordons,
    otherDeploys: [],
  };
}

function withWrite(host: JournalHost, write: Write): JournalHost {
  if (!("sandboxId" in write) || write.sandboxId !== host.key) return host;
  switch (write.kind) {
    case "claim_epoch":
      return { ...host, epoch: write.epoch };
    case "set_target":
      return { ...host, targetGeneration: write.generation };
    case "cordon":
      return write.holderKind === "deploy" ? { ...host, isCordoned: true } : host;
    case "uncordon":
      return write.holderKind === "deploy" ? { ...host, isCordoned: false } : host;
    case "move_sandbox":
      return { ...host, state: write.to };
    default:
      return assertNever(write);
  }
}
