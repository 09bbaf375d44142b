import type { SandboxView } from "@valet/contracts";
import type { SlotState } from "@valet/shared";
import { fixtureDigest, fixtureId } from "./seeded-random.ts";

/** A sandbox in good order on generation 7; `change` makes it something else. */
export function fixtureSandbox(number: number, nowMs: number, change: Partial<SandboxView> = {}): SandboxView {
  const ago = (ms: number) => new Date(nowMs - ms).toISOString();
  const sandbox: SandboxView = {
    id: fixtureId(1, number),
    name: `sandbox-${number + 1}`,
    environment: "staging",
    instanceId: `i-0${(number + 161_803).toString(16)}`,
    publicIp: `127.0.0.${11 + (number % 240)}`,
    agentPort: 8000,
    instanceType: "t3.large",
    browserEngine: "chromium",
    capacity: 4,
    labels: {},
    status: "active",
    state: "active",
    stateReason: "",
    reachable: true,
    sessionLive: true,
    lastSeenAt: ago(2_000),
    quarantined: false,
    pinnedTo: null,
    drift: null,
    cordons: [],
    slots: ["occupied", "occupied", "accepting", "accepting"].map((state, index) =>
      fixtureSlot(number, index, state as SlotState, 7, nowMs),
    ),
    generations: [generation(7, "serving", "v1.8.2", 1, ago)],
    releaseTag: "v1.8.2",
    releaseDigest: fixtureDigest(1),
    activeTaskCount: 2,
    createdAt: ago(86_400_000 * 12),
    ...change,
  };
  return { ...sandbox, status: sandbox.state };
}

/** A fleet in the middle of a rollout, with one of everything that can be wrong with a host. */
export function fixtureFleet(nowMs: number): SandboxView[] {
  const ago = (ms: number) => new Date(nowMs - ms).toISOString();
  const slots = (number: number, states: [SlotState, number | null][]) =>
    states.map(([state, gen], index) => fixtureSlot(number, index, state, gen, nowMs));
  return [
    fixtureSandbox(0, nowMs, {
      slots: slots(0, [
        ["occupied", 8],
        ["occupied", 8],
        ["accepting", 8],
        ["renewing", 8],
      ]),
      generations: [generation(8, "serving", "v1.9.0", 2, ago), generation(7, "warm", "v1.8.2", 1, ago)],
      releaseTag: "v1.9.0",
      releaseDigest: fixtureDigest(2),
    }),
    fixtureSandbox(1, nowMs, {
      state: "deploying",
      stateReason: "handing its slots to generation 8",
      slots: slots(1, [
        ["occupied", 7],
        ["occupied", 8],
        ["reserved", 8],
        ["occupied", 7],
      ]),
      generations: [
        { ...generation(8, "serving", "v1.9.0", 2, ago), spareReady: true },
        generation(7, "draining", "v1.8.2", 1, ago),
      ],
      activeTaskCount: 4,
    }),
    fixtureSandbox(2, nowMs),
    fixtureSandbox(7, nowMs, {
      pinnedTo: "v1.8.1-hotfix",
      stateReason: "pinned by hand to v1.8.1-hotfix",
      generations: [generation(7, "serving", "v1.8.1-hotfix", 3, ago)],
    }),
    fixtureSandbox(8, nowMs, {
      drift: `it runs v1.7.0 (${fixtureDigest(4)}), which is not allowed here any more`,
      cordons: [
        {
          holderKind: "health",
          holderId: "drift",
          reason: `it runs v1.7.0 (${fixtureDigest(4)}), which is not allowed here any more`,
          since: ago(20_000),
        },
      ],
      generations: [generation(6, "serving", "v1.7.0", 4, ago)],
    }),
    fixtureSandbox(3, nowMs, {
      cordons: [
        { holderKind: "operator", holderId: "maria", reason: "kernel update tonight", since: ago(3_600_000) },
        { holderKind: "deploy", holderId: fixtureId(3, 0), reason: "stop-first step", since: ago(40_000) },
      ],
    }),
    fixtureSandbox(4, nowMs, {
      state: "unhealthy",
      stateReason: "the agent has not answered for 94 s",
      reachable: false,
      sessionLive: false,
      lastSeenAt: ago(94_000),
      slots: slots(4, [
        ["occupied", 7],
        ["offline", null],
        ["offline", null],
        ["offline", null],
      ]),
      activeTaskCount: 1,
    }),
    fixtureSandbox(5, nowMs, {
      quarantined: true,
      stateReason: "",
      environment: "production",
      capacity: 8,
      slots: slots(5, [
        ["accepting", 7],
        ["accepting", 7],
        ["accepting", 7],
        ["occupied", 7],
        ["occupied", 7],
        ["renewing", 7],
        ["accepting", 7],
        ["accepting", 7],
      ]),
    }),
    fixtureSandbox(6, nowMs, {
      state: "provisioning",
      stateReason: "waiting for its first session",
      reachable: false,
      sessionLive: false,
      lastSeenAt: null,
      slots: [],
      generations: [],
      releaseTag: null,
      releaseDigest: null,
      activeTaskCount: 0,
    }),
  ];
}

function generation(
  number: number,
  state: SandboxView["generations"][number]["state"],
  tag: string,
  digest: number,
  ago: (ms: number) => string,
) {
  return {
    generation: number,
    state,
    releaseTag: tag,
    releaseDigest: fixtureDigest(digest),
    spareReady: false,
    accepting: state === "serving",
    lastReportedAt: ago(number === 7 ? 94_000 : 1_500),
  };
}

function fixtureSlot(sandbox: number, index: number, state: SlotState, gen: number | null, nowMs: number) {
  const hasTask = state === "occupied" || state === "reserved";
  return {
    index,
    state,
    generation: gen,
    taskId: hasTask ? fixtureId(2, sandbox * 4 + index) : null,
    since: new Date(nowMs - 9_000).toISOString(),
  };
}
