import type { LeaseTimes } from "@valet/shared";
import type { MemoryStore } from "../memory-store.ts";
import type { SimController } from "./controller.ts";
import type { Coverage } from "./coverage.ts";
import type { EventQueue } from "./event-queue.ts";
import type { LawWatch } from "./law-watch.ts";
import type { Random } from "./random.ts";
import type { ReleaseBehaviour, Script } from "./script.ts";
import type { SimHost } from "./sim-host.ts";
import type { MemoryTasks } from "./tasks/model.ts";

export interface SimRelease {
  tag: string;
  digest: string;
  behaviour: ReleaseBehaviour;
  fetchMs: number;
  bootMs: number;
}

/** Steps that a task takes on a host. */
export interface SimStep {
  forMs: number;
  write: boolean;
}

/** One simulated world: what is true, whoever knows it. Only the parts of the simulator change it. */
export interface World {
  readonly script: Script;
  readonly random: Random;
  readonly queue: EventQueue;
  readonly store: MemoryStore;
  readonly tasks: MemoryTasks;
  readonly times: LeaseTimes;
  readonly hosts: Map<string, SimHost>;
  /** By tag; a moved tag points at another digest from then on. */
  readonly registry: Map<string, SimRelease>;
  /** By digest; nothing leaves it. */
  readonly releases: Map<string, SimRelease>;
  /** Of the database: what releases may need. */
  readonly shapes: Set<"old" | "new">;
  /** The second service of each host; empty where the story has none. */
  readonly sides: Map<string, SimHost>;
  readonly steps: Map<string, SimStep[]>;
  /** Ids of the script to ids of the store. */
  readonly taskIds: Map<string, string>;
  readonly controllers: SimController[];
  tagMoves: number;
  readonly laws: LawWatch;
  readonly coverage: Coverage;
  /** When each host was last given a deploy of its own. */
  readonly convergedAtMs: Map<string, number>;
  /** How often a person has asked something of a deploy in the calm. */
  readonly calmAsks: Map<string, number>;
  /** True time, ms since the start. */
  nowMs: number;
  /** When a deploy or a host's step last moved, or a task ended. */
  movedAtMs: number;
  /** From here on nothing new goes wrong. */
  isCalm: boolean;
  /** Something ran that other promises wait for: the loop lets them run before the next event. */
  hasPromises: boolean;
  events: number;
  /** What a lower part asks of a higher one. */
  parts: { heartbeatSoon(host: SimHost): void; deliverSpool(host: SimHost): void };
  /** Tells one line of the story. */
  tell(who: string, what: string): void;
  /** Runs something later. */
  after(ms: number, run: () => void): void;
}

/** Where the simulated time begins, ms since 1970. */
export const epochMs = 1_700_000_000_000;
export const wallMs = (world: World): number => epochMs + world.nowMs;
export const hostWallMs = (world: World, host: SimHost): number => epochMs + world.nowMs + host.wallOffsetMs;
export const isoAt = (ms: number): string => new Date(ms).toISOString();

/** Easy to read in a story, and as long as a digest is. */
export function digestOf(tag: string, move = 0): string {
  let hex = "";
  for (const letter of `${tag}${move === 0 ? "" : `m${move}`}`) hex += letter.charCodeAt(0).toString(16);
  return `sha256:${hex.padEnd(64, "0")}`;
}
