import { defaultKnobs } from "@valet/shared";
import { simTimes } from "./deploy-rows.ts";
import type { Random } from "./random.ts";
import { people, type Deed, type Fault, type Happening, type Script } from "./script.ts";

/** Of any seed, so many have each of these conditions. Each draws from a stream of its own, so that none moves another. */
const share = { migrations: 0.3, freezes: 0.3, approvals: 0.25, memory: 0.3, services: 0.25, ways: 0.3 } as const;

/** What a fleet of today has beside hosts and releases: migrations, freezes, approvals, small hosts, other services, firewalls. */
export function withConditions(random: Random, script: Script, activeMs: number): Script {
  const drawn = { ...script };
  const happenings: Happening[] = [...drawn.happenings];
  if (random.chance(share.migrations)) {
    const migrations = random.fork("migrations");
    drawn.releases = withMigrations(migrations, drawn.releases);
    happenings.push(...drawContract(migrations, drawn, activeMs));
  }
  if (random.chance(share.freezes)) drawn.freezes = drawFreezes(random.fork("freezes"), activeMs);
  if (random.chance(share.approvals)) {
    drawn.approvals = random.int(1, 2);
    happenings.push(...drawApprovals(random.fork("approvals"), happenings));
  }
  if (random.chance(share.memory)) {
    const memory = random.fork("memory");
    drawn.hosts = drawn.hosts.map((host) => ({ ...host, rooms: memory.pick([0, 0, 1, 1, 2]) }));
    happenings.push(...strikes(memory, "fill-memory", drawn.hosts, activeMs));
  }
  if (random.chance(share.services)) happenings.push(...drawSideDeploys(random.fork("services"), activeMs));
  if (random.chance(share.ways)) {
    const ways = random.fork("ways");
    drawn.hosts = drawn.hosts.map((host) => ({ ...host, way: ways.pick(["direct", "dial-out", "both"] as const) }));
    happenings.push(
      ...strikes(ways, "lose-connection", drawn.hosts, activeMs),
      ...changesOfWay(ways, drawn.hosts, activeMs),
    );
  }
  drawn.happenings = happenings.sort((a, b) => a.atMs - b.atMs);
  return drawn;
}

/** First a release that adds the new shape, then one that takes the old one away. */
function withMigrations(random: Random, releases: Script["releases"]): Script["releases"] {
  const contractAt = random.pick([2, 2, 3]);
  // Mostly good ones: as long as the first release is the way back, the old shape stays.
  const isGood = random.chance(0.8);
  return releases.map((drawn, place) => {
    if (place === 0) return { ...drawn, needs: "old" as const };
    const release = isGood && place <= 2 ? { ...drawn, behaviour: "good" as const } : drawn;
    if (place === 1) return { ...release, migration: "expand" as const, needs: random.pick(["both", "new", "new"]) };
    return { ...release, needs: "new" as const, ...(place === contractAt ? { migration: "contract" as const } : {}) };
  });
}

/** The first deploy expands; a later one of the release that contracts follows it, sometimes while the old one drains or is warm. */
function drawContract(random: Random, { happenings, releases }: Script, activeMs: number): Deed[] {
  const first = happenings.find((one) => one.kind === "new-deploy");
  const contract = releases.find((one) => one.migration === "contract");
  if (first?.kind !== "new-deploy" || !contract) return [];
  if (random.chance(0.7)) {
    first.awaits = "nothing";
    Object.assign(first.knobs, { maxParallel: "50%", canarySteps: [{ hosts: 1, taskSharePct: 100, bakeMs: 1_000 }] });
    Object.assign(first.knobs, { rollbackWindowMs: 10_000, autoPromote: true, analyse: false });
  }
  const atMs = random.int(35_000, activeMs - 15_000);
  return [{ ...first, atMs, tag: contract.tag, knobs: { ...first.knobs }, awaits: "nothing" }];
}

/** The story begins at 22:13:20 of a Tuesday, UTC. */
const minuteAt = (minute: number): number => (minute - 13) * 60_000 - 20_000;

function drawFreezes(random: Random, activeMs: number): Script["freezes"] {
  return Array.from({ length: random.int(1, 2) }, (_, place) => {
    const pauses = random.chance(0.5);
    const name = `freeze-${place + 1}`;
    if (random.chance(0.4)) {
      const from = random.int(13, 14);
      return { name, fromMs: minuteAt(from), toMs: minuteAt(random.int(from + 1, 15)), isWeekly: true, pauses };
    }
    const fromMs = random.int(0, activeMs - 40_000);
    return { name, fromMs, toMs: fromMs + random.int(5_000, 40_000), isWeekly: false, pauses };
  });
}

/** Several people say yes to what was asked for just before, whoever asked may be among them. */
function drawApprovals(random: Random, happenings: readonly Happening[]): Deed[] {
  const found: Deed[] = [];
  for (const one of happenings) {
    if (one.kind !== "new-deploy") continue;
    one.createdBy = random.pick(people);
    for (let n = random.int(1, 4); n > 0; n -= 1) {
      found.push({ kind: "approve", atMs: one.atMs + random.int(500, 20_000), by: random.pick(people) });
    }
  }
  return found;
}

function strikes(
  random: Random,
  kind: "fill-memory" | "lose-connection",
  hosts: Script["hosts"],
  activeMs: number,
): Fault[] {
  return Array.from({ length: random.int(1, 6) }, () => ({
    ...{ kind, atMs: random.int(1_000, activeMs), host: random.pick(hosts).name },
    forMs: random.int(1_000, random.chance(0.2) ? 60_000 : 15_000),
  }));
}

/** The port is closed for a while, then open again while the connection is lost: whoever took the one way must try the other. */
function changesOfWay(random: Random, hosts: Script["hosts"], activeMs: number): Fault[] {
  const both = hosts.filter((host) => host.way === "both");
  if (both.length === 0) return [];
  return Array.from({ length: random.int(1, 3) }, () => {
    const { name: host } = random.pick(both);
    const atMs = random.int(1_000, activeMs - 40_000);
    const lostAtMs = atMs + random.int(9_000, 20_000);
    return [
      { kind: "cut-to-host" as const, atMs, host, forMs: 8_000 },
      { kind: "lose-connection" as const, atMs: lostAtMs, host, forMs: random.int(10_000, 30_000) },
    ];
  }).flat();
}

/** Deploys of the other service of the same hosts. Its restart costs no task, so nothing of it is ever forced. */
function drawSideDeploys(random: Random, activeMs: number): Deed[] {
  return ["w2", "w3"].slice(0, random.int(1, 2)).map((tag) => {
    const order = random.pick(["start-first", "stop-first", "stop-first"] as const);
    return {
      kind: "new-deploy" as const,
      atMs: random.int(1_000, activeMs - 30_000),
      tag,
      service: "valet-worker" as const,
      knobs: {
        ...defaultKnobs(order),
        ...simTimes,
        maxParallel: random.pick([1, 2, "50%"] as const),
        maxUnavailable: order === "stop-first" ? random.pick([1, 1, 2] as const) : 0,
        failureAction: random.pick(["rollback", "pause"] as const),
        drainDeadlineAction: "wait" as const,
      },
      awaits: "nothing" as const,
    };
  });
}
