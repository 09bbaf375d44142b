import type { AgentDeploy } from "@valet/contracts";
import type { Finish, GenerationState, SlotPlanRow } from "@valet/shared";
import { makeEpochLedger, type EpochLedger } from "../host/epoch-ledger.ts";

/** What is wrong with a link for now. */
export interface SimLink {
  toHost: boolean;
  fromHost: boolean;
  workerToApi: boolean;
  extraDelayMs: number;
  jitterMs: number;
  duplicates: boolean;
  /** The connection that the agent itself holds to the control plane. */
  isDialled: boolean;
}

/** With nothing wrong. */
export const soundLink = (): SimLink => ({
  ...{ toHost: true, fromHost: true, workerToApi: true, extraDelayMs: 0, jitterMs: 0, duplicates: false },
  isDialled: true,
});

export interface SimGeneration {
  generation: number;
  state: GenerationState;
  tag: string;
  digest: string;
  /** What its processes say they run. */
  reports: string | null;
  healthy: boolean;
  restarts: number;
  /** It falls over again and again. */
  isLooping: boolean;
  /** Changes with each start of its GH worker. */
  bootId: string;
  /** The boot before is gone, the next one is not there yet. */
  isWorkerUp: boolean;
  startedAt: string;
  afterDrain: "warm" | "ended";
  handsOver: boolean;
  warmForMs: number;
  warmUntilMs: number | null;
  idleSinceMs: number | null;
  slots: Map<number, "preparing" | "ready" | "busy">;
  spare: "none" | "preparing" | "ready";
}

export interface SimAttempt {
  taskId: string;
  fence: number;
  leaseId: string;
  slot: number;
  generation: number;
  bootId: string;
  stepIndex: number;
  /** The send time of the last renewal that was answered, on both of the host's clocks. */
  renewedWallMs: number;
  renewedMonoMs: number;
  frozen: boolean;
  /** Ended on the host; its end may still wait in the spool. */
  isOver: boolean;
}

/** The procedure of one deploy or rollback on the host. */
export interface SimProcedure {
  kind: "deploy" | "rollback";
  view: AgentDeploy;
  command: {
    tag: string;
    digest: string | null;
    previousDigest: string | null;
    minHealthyMs: number;
    healthyDeadlineMs: number;
  };
  /** Stop-first has begun to stop what ran: there is no way but on. */
  hasStopped: boolean;
}

/** One simulated machine: its disk, its processes and its link. */
export interface SimHost {
  readonly name: string;
  readonly capacity: number;
  ledger: EpochLedger;
  nextGeneration: number;
  generations: SimGeneration[];
  drainedBy: Set<string>;
  procedure: SimProcedure | null;
  /** What begins once the procedure has ended: a rollback that must wait for it. */
  afterProcedure: (() => void) | null;
  /** A stop-first procedure is ending what ran: nothing new is taken. */
  isStopping: boolean;
  /** A new one calls every step of the one before off. */
  procedureToken: number;
  /** Ends that the API has not acknowledged. */
  spool: Finish[];
  attempts: Map<string, SimAttempt>;
  plan: SlotPlanRow | null;
  /** The machine runs; the agent on it runs. */
  isUp: boolean;
  isAgentUp: boolean;
  wallOffsetMs: number;
  link: SimLink;
  way: "direct" | "dial-out" | "both";
  /** Generations that fit beside the one that serves; undefined: its agent does not say. */
  rooms: number | undefined;
  /** Something else takes the memory until then. */
  memoryFullUntilMs: number;
  /** When link, machine or agent last changed for better or worse. */
  changedAtMs: number;
  pullsFailUntilMs: number;
  liesUntilMs: number;
  boots: number;
  /** Changes when the machine goes down: what was on its way to it then is gone. */
  life: number;
  sessionId: string | null;
  isBeatDue: boolean;
  /** Obeyed commands of this life of the ledger, for the invariants. */
  lastObeyed: number;
}

export function makeSimHost(name: string, capacity: number): SimHost {
  return {
    name,
    capacity,
    ...freshDisk(),
    isUp: true,
    isAgentUp: true,
    wallOffsetMs: 0,
    link: soundLink(),
    way: "direct",
    rooms: undefined,
    memoryFullUntilMs: 0,
    changedAtMs: 0,
    pullsFailUntilMs: 0,
    liesUntilMs: 0,
    boots: 0,
    life: 0,
    sessionId: null,
    isBeatDue: false,
    procedureToken: 0,
    afterProcedure: null,
    isStopping: false,
  };
}

/** What is lost with a disk: order of commands, generations, releases, the spool. */
export function freshDisk() {
  return {
    ledger: makeEpochLedger(0, () => undefined),
    nextGeneration: 1,
    generations: [] as SimGeneration[],
    drainedBy: new Set<string>(),
    procedure: null as SimProcedure | null,
    spool: [] as Finish[],
    attempts: new Map<string, SimAttempt>(),
    plan: null as SlotPlanRow | null,
    lastObeyed: 0,
  };
}

export const attemptKeyOf = (ref: { taskId: string; fence: number }): string => `${ref.taskId}.${ref.fence}`;
export const isAlive = (one: SimGeneration): boolean => one.state !== "ended";
export function runningOn(host: SimHost, generation: number): SimAttempt[] {
  const found: SimAttempt[] = [];
  for (const one of host.attempts.values()) if (!one.isOver && one.generation === generation) found.push(one);
  return found;
}
export function countRunning(host: SimHost, generation: number): number {
  let count = 0;
  for (const one of host.attempts.values()) if (!one.isOver && one.generation === generation) count += 1;
  return count;
}
/** Its procedure has an end still to come. */
export const isRunning = (procedure: SimProcedure | null): procedure is SimProcedure =>
  procedure !== null && procedure.view.endedAt === null;

export function isAccepting(host: SimHost, one: SimGeneration): boolean {
  if (!one.isWorkerUp || host.drainedBy.size > 0 || host.isStopping) return false;
  return one.state === "serving" || (one.state === "draining" && one.handsOver && one.slots.size > 0);
}
