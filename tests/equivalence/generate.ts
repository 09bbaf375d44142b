import { environments, sandboxStates, type Environment } from "@valet/shared";
import { seededRandom } from "../harness/seeded-random.ts";
import type { Command, HostChange, TaskRequestKind, Twist } from "./commands.ts";

interface Dice {
  /** How much of the time the control plane shows that it is awake; 0: it is never heard of, and never missed. */
  presence: number;
  /** A whole number below `count`. */
  below(count: number): number;
  chance(share: number): boolean;
  pick<T>(values: readonly T[]): T;
  luck(): number;
}
type Make = (dice: Dice, sandboxes: number) => Command;

/** Setup commands, so that something can run, and then `length` random ones: the same for the same seed. */
export function generate(seed: number, length: number): Command[] {
  const dice = diceOf(seed);
  const setup = makeSetup(dice);
  const sandboxes = setup.filter((command) => command.op === "sandbox").length;
  const theme = dice.pick(themes);
  const weighted = Object.entries(makers).flatMap(([op, { weight, make }]) => {
    if (op === "beat" && dice.presence === 0) return [];
    const times = theme.includes(op) ? weight * 4 : weight;
    return Array.from({ length: times }, () => make);
  });
  const random: Command[] = [];
  while (random.length < length) {
    if (dice.chance(0.3)) random.push(...dice.pick(stories)(dice, sandboxes));
    else random.push(dice.pick(weighted)(dice, sandboxes));
  }
  return [...setup, ...random];
}

/** What a sequence does more of than others. */
const themes: readonly (readonly string[])[] = [
  [],
  ["submit", "reserve", "acknowledge", "expire", "advance"],
  ["permit", "events", "complete", "request"],
  ["host", "target", "heartbeat", "hand_over", "cordon"],
  ["advance", "expire", "beat", "heartbeat", "acknowledge"],
];

function diceOf(seed: number): Dice {
  const random = seededRandom(seed);
  const below = (count: number) => Math.floor(random() * count);
  return {
    presence: [0, 0, 0.9, 0.9, 0.5][below(5)] ?? 0,
    below,
    chance: (share) => random() < share,
    pick: (values) => {
      const value = values[below(values.length)];
      if (value === undefined) throw new Error("nothing to pick from");
      return value;
    },
    luck: () => below(1_000_000),
  };
}

function makeSetup(dice: Dice): Command[] {
  const commands: Command[] = [{ op: "release", environment: "dev", digest: "a", isAllowed: true }];
  const count = 1 + dice.below(4);
  for (let sandbox = 0; sandbox < count; sandbox += 1) {
    const capacity = 1 + dice.below(3);
    const environment: Environment = dice.chance(0.12) ? "staging" : "dev";
    commands.push(
      { op: "sandbox", capacity, labels: labelsOf(dice), environment },
      { op: "session", sandbox, change: "open" },
      { op: "target", sandbox, generation: 1, slots: null },
      { op: "host", sandbox, generation: 1, change: "boot" },
    );
    for (let beats = 0; beats <= capacity; beats += 1) commands.push({ op: "heartbeat", sandbox, luck: 0 });
  }
  if (dice.chance(0.2)) commands.push({ op: "release", environment: "staging", digest: "a", isAllowed: true });
  for (let tasks = dice.below(6); tasks > 0; tasks -= 1) commands.push(makers.submit.make(dice));
  if (dice.chance(0.7)) commands.push({ op: "reserve", limit: 8, environment: null });
  for (let attempt = dice.below(6); attempt > 0; attempt -= 1) {
    commands.push({ op: "acknowledge", attempt, twist: "none" });
  }
  return commands;
}

function labelsOf(dice: Dice): Record<string, string> {
  const zone: Record<string, string> = dice.chance(0.5) ? { zone: dice.pick(["a", "b"]) } : {};
  return dice.chance(0.3) ? { ...zone, gpu: "yes" } : zone;
}

const twistOf = (dice: Dice): Twist =>
  dice.chance(0.88) ? "none" : dice.pick<Twist>(["wrong_lease", "wrong_sandbox", "older_fence"]);
const holders = ["operator", "deploy", "health"] as const;
const hostChanges: readonly HostChange[] = [
  "boot",
  "boot",
  "restart",
  "restart",
  "end",
  "silence",
  "answer",
  "drain",
  "accept",
];
const requests: readonly TaskRequestKind[] = [
  "cancel",
  "cancel",
  "cancel",
  "retry",
  "completed",
  "failed",
  "restart",
  "needs_human",
  "resumed",
];
const statuses = ["completed", "failed", "cancelled", "timed_out", "interrupted", "lost"] as const;
/** Whole seconds: each submission moves the clock by one ms, and no two tasks have the same place in the queue. */
const advances = [1_000, 1_000, 4_000, 5_000, 6_000, 7_000, 13_000, 18_000, 19_000, 30_000, 31_000, 62_000, 3_700_000];

/** A few commands that lead somewhere together, where single ones seldom get. */
const stories: readonly ((dice: Dice, sandboxes: number) => Command[])[] = [
  // Work, up to its writes.
  (dice) => [
    makers.submit.make(dice),
    makers.submit.make(dice),
    { op: "reserve", limit: 8, environment: null },
    { op: "acknowledge", attempt: 1, twist: "none" },
    { op: "acknowledge", attempt: 3, twist: "none" },
    { ...makers.permit.make(dice), otherBoot: false, twist: "none" },
    makers.events.make(dice),
  ],
  // Everybody reports, and is eligible again.
  (_dice, sandboxes) => Array.from({ length: sandboxes }, (_, sandbox) => ({ op: "heartbeat", sandbox, luck: 0 })),
  // Nobody acknowledges.
  () => [
    { op: "reserve", limit: 8, environment: null },
    { op: "advance", ms: 6_000, isAttended: false },
    { op: "expire", what: "unacknowledged" },
  ],
  // Leases run out, of all or but for one sandbox.
  (dice, sandboxes) => [
    { op: "advance", ms: 19_000, isAttended: dice.chance(dice.presence) },
    ...(dice.chance(0.6) ? [{ op: "heartbeat", sandbox: dice.below(sandboxes), luck: 0 } as const] : []),
    { op: "advance", ms: 13_000, isAttended: dice.chance(dice.presence) },
    { op: "expire", what: "leases" },
  ],
  // A GH worker starts anew and does not know what ran before.
  (dice, sandboxes) => {
    const sandbox = dice.below(sandboxes);
    return [
      { op: "host", sandbox, generation: 1 + dice.below(2), change: "restart" },
      { op: "heartbeat", sandbox, luck: 0 },
      { op: "advance", ms: 5_000, isAttended: dice.chance(dice.presence) },
      { op: "heartbeat", sandbox, luck: 0 },
    ];
  },
  // A new generation takes over.
  (dice, sandboxes) => {
    const [sandbox, generation] = [dice.below(sandboxes), 1 + dice.below(3)];
    const heartbeat = { op: "heartbeat", sandbox, luck: 0 } as const;
    return [
      { op: "host", sandbox, generation, change: "boot" },
      heartbeat,
      { op: "target", sandbox, generation, slots: dice.chance(0.4) ? 1 : null },
      { op: "hand_over", sandbox },
      heartbeat,
    ];
  },
  // A cordon stands while there is work, and is lifted.
  (dice, sandboxes) => {
    const cordon = { op: "cordon", sandbox: dice.below(sandboxes), holder: dice.pick(holders) } as const;
    const reserve = { op: "reserve", limit: 8, environment: null } as const;
    return [
      { ...cordon, isLifted: false },
      makers.submit.make(dice),
      reserve,
      { op: "look", sandbox: cordon.sandbox },
      { ...cordon, isLifted: true },
      reserve,
    ];
  },
  // A task is given up on one host and runs again, perhaps on another; the first one does not know.
  (dice, sandboxes) => [
    { op: "advance", ms: 31_000, isAttended: dice.chance(dice.presence) },
    { op: "expire", what: "leases" },
    ...Array.from({ length: sandboxes }, (_, sandbox) => ({ op: "heartbeat", sandbox, luck: 0 }) as const),
    { op: "reserve", limit: 8, environment: null },
    { op: "acknowledge", attempt: 1, twist: "none" },
    { op: "acknowledge", attempt: 2, twist: "none" },
    { ...makers.permit.make(dice), twist: "older_fence" },
    { ...makers.events.make(dice), twist: "older_fence" },
    { ...makers.permit.make(dice), twist: "none" },
  ],
  // Something is cancelled while it runs, and its host hears of it.
  (dice, sandboxes) => [
    { op: "request", task: dice.below(20), what: "cancel", isOtherTenant: false },
    { op: "heartbeat", sandbox: dice.below(sandboxes), luck: dice.luck() },
    makers.events.make(dice),
  ],
];

const makers = {
  heartbeat: {
    weight: 12,
    make: (dice, sandboxes): Command => ({ op: "heartbeat", sandbox: dice.below(sandboxes), luck: dice.luck() }),
  },
  submit: {
    weight: 8,
    make: (dice): Command => ({
      op: "submit",
      tenant: dice.below(3),
      luck: dice.luck(),
      key: dice.chance(0.15) ? dice.below(3) : null,
    }),
  },
  reserve: {
    weight: 8,
    make: (dice): Command => ({
      op: "reserve",
      limit: dice.pick([1, 1, 2, 3, 8]),
      environment: dice.chance(0.2) ? dice.pick(environments) : null,
    }),
  },
  acknowledge: {
    weight: 9,
    make: (dice): Command => ({ op: "acknowledge", attempt: dice.below(40), twist: twistOf(dice) }),
  },
  permit: {
    weight: 6,
    make: (dice): Command => ({
      op: "permit",
      attempt: dice.below(40),
      step: dice.below(3),
      otherBoot: dice.chance(0.15),
      twist: twistOf(dice),
    }),
  },
  events: {
    weight: 8,
    make: (dice): Command => ({ op: "events", attempt: dice.below(40), luck: dice.luck(), twist: twistOf(dice) }),
  },
  complete: {
    weight: 4,
    make: (dice): Command => ({
      op: "complete",
      attempt: dice.below(40),
      status: dice.pick(statuses),
      twist: twistOf(dice),
    }),
  },
  expire: {
    weight: 7,
    make: (dice): Command => ({ op: "expire", what: dice.pick(["unacknowledged", "leases", "leases", "queued"]) }),
  },
  advance: {
    weight: 9,
    make: (dice): Command => ({ op: "advance", ms: dice.pick(advances), isAttended: dice.chance(dice.presence) }),
  },
  beat: {
    weight: 1,
    make: (dice): Command => ({ op: "beat", kind: dice.pick(["control", "api"]), id: dice.below(2) }),
  },
  cordon: {
    weight: 3,
    make: (dice, sandboxes): Command => ({
      op: "cordon",
      sandbox: dice.below(sandboxes),
      holder: dice.pick(holders),
      isLifted: dice.chance(0.6),
    }),
  },
  host: {
    weight: 4,
    make: (dice, sandboxes): Command => ({
      op: "host",
      sandbox: dice.below(sandboxes),
      generation: 1 + dice.below(3),
      change: dice.pick(hostChanges),
    }),
  },
  target: {
    weight: 2,
    make: (dice, sandboxes): Command => ({
      op: "target",
      sandbox: dice.below(sandboxes),
      generation: dice.chance(0.1) ? null : 1 + dice.below(3),
      slots: dice.chance(0.3) ? 1 + dice.below(2) : null,
    }),
  },
  hand_over: {
    weight: 2,
    make: (dice, sandboxes): Command => ({ op: "hand_over", sandbox: dice.below(sandboxes) }),
  },
  request: {
    weight: 5,
    make: (dice): Command => ({
      op: "request",
      task: dice.below(20),
      what: dice.pick(requests),
      isOtherTenant: dice.chance(0.05),
    }),
  },
  session: {
    weight: 2,
    make: (dice, sandboxes): Command => ({
      op: "session",
      sandbox: dice.below(sandboxes),
      change: dice.pick(["open", "open", "open", "close", "touch", "touch_old"]),
    }),
  },
  release: {
    weight: 1,
    make: (dice): Command => ({
      op: "release",
      environment: dice.chance(0.8) ? "dev" : "staging",
      digest: dice.pick(["a", "b", "c"]),
      isAllowed: dice.chance(0.7),
    }),
  },
  capacity: {
    weight: 1,
    make: (dice, sandboxes): Command => ({
      op: "capacity",
      sandbox: dice.below(sandboxes),
      capacity: 1 + dice.below(4),
    }),
  },
  reachable: {
    weight: 1,
    make: (dice, sandboxes): Command => ({
      op: "reachable",
      sandbox: dice.below(sandboxes),
      isReachable: dice.chance(0.6),
    }),
  },
  move: {
    weight: 1,
    make: (dice, sandboxes): Command => ({
      op: "move",
      sandbox: dice.below(sandboxes),
      to: dice.chance(0.6) ? "active" : dice.pick(sandboxStates.slice(0, 5)),
    }),
  },
  look: {
    weight: 3,
    make: (dice, sandboxes): Command => ({ op: "look", sandbox: dice.below(sandboxes) }),
  },
} satisfies Record<string, { weight: number; make: Make }>;
