import { AsyncLocalStorage } from "node:async_hooks";
import { isDeepStrictEqual } from "node:util";
import type { Tx } from "@valet/db";
import { makeMemoryTasks } from "../../packages/rollout/src/simulation/tasks/memory-tasks.ts";
import { seededRandom } from "../harness/seeded-random.ts";
import { testTimes, type Call, type Handlers } from "./calls.ts";
import type { Command } from "./commands.ts";
import { deedsOf } from "./deeds.ts";
import { memorySide, memoryState } from "./memory-side.ts";
import { normalise } from "./names.ts";
import { attendedStepMs, settle, type Settling } from "./settle.ts";
import { sqlSide } from "./sql-side.ts";
import { sqlState } from "./sql-state.ts";
import { seedIds, setNow, type ClockedDatabase } from "./test-clock.ts";

/** The first thing that the two stores do not agree on. */
export interface Difference {
  /** Place of the command; the number of commands when only the state at the end differs. */
  at: number;
  call: Call | { op: "state"; table: string };
  sql: unknown;
  memory: unknown;
}

const startMs = Date.UTC(2026, 0, 1);
class Undo extends Error {}

/** Runs the commands on both stores, in one transaction that is undone. Undefined: they agreed on every answer and on the end. */
export async function runSequence(
  { db }: ClockedDatabase,
  seed: number,
  commands: readonly Command[],
  note: (deed: string) => void = () => undefined,
): Promise<Difference | undefined> {
  let difference: Difference | undefined;
  const random = seededRandom(seed);
  await drawnIds.run(
    () => uuidOf(random),
    () =>
      db
        .tx(async (tx) => {
          await seedIds(tx, seed);
          difference = await compare(tx, commands, note);
          throw new Undo("nothing of it is to stay");
        })
        .catch((error: unknown) => {
          if (!(error instanceof Undo)) throw error;
        }),
  );
  return difference;
}

async function compare(
  tx: Tx,
  commands: readonly Command[],
  note: (deed: string) => void,
): Promise<Difference | undefined> {
  let nowMs = startMs;
  const ids: string[] = [];
  let drawn = 0;
  const makeId = () => ids.shift() ?? `memory ${(drawn += 1)}`;
  const tasks = makeMemoryTasks({ clock: { now: () => nowMs }, times: testTimes, ids: makeId });
  const sql = sqlSide(tx);
  const memory = memorySide(tasks);
  const world: Settling = { tasks, hosts: new Map(), sessions: [], journals: new Map() };
  const moveTo = (ms: number) => {
    nowMs = ms;
    return setNow(tx, ms);
  };
  const agree = async (call: Call, at: number): Promise<Difference | undefined> => {
    const bySql = await answerOf(sql.handlers, call).catch((error: unknown) => ({ threw: String(error) }));
    // Both know tasks and sandboxes by the ids that the database gave them.
    ids.splice(0, ids.length, ...newTaskIds(call, bySql, tasks.tasks));
    const given = call.op === "sandbox" ? { ...call, id: String(bySql) } : call;
    const byMemory = await answerOf(memory.handlers, given).catch((error: unknown) => ({ threw: String(error) }));
    for (const deed of deedsOf(call, byMemory)) note(deed);
    const answers = { sql: normalise(sql.names, bySql), memory: normalise(memory.names, byMemory) };
    return isDeepStrictEqual(answers.sql, answers.memory) ? undefined : { at, call, ...answers };
  };

  await moveTo(nowMs);
  for (const [at, command] of commands.entries()) {
    if (command.op === "submit") await moveTo(nowMs + 1);
    if (command.op === "advance") {
      const found = await advance(command, nowMs, moveTo, (call) => agree(call, at));
      if (found) return found;
      continue;
    }
    const call = settle(command, world);
    const found = call && (await agree(call, at));
    if (found) return found;
  }
  for (const task of tasks.tasks.values()) note(`task: ${task.state}`);
  for (const attempt of [...tasks.tasks.values()].flatMap((task) => task.attempts)) note(`attempt: ${attempt.outcome}`);
  const states = { sql: normalise(sql.names, await sqlState(tx)), memory: normalise(memory.names, memoryState(tasks)) };
  return stateDifference(states.sql as State, states.memory as State, commands.length);
}

/** With the control plane awake all the time, or without a sign of it. */
async function advance(
  { ms, isAttended }: Extract<Command, { op: "advance" }>,
  fromMs: number,
  moveTo: (ms: number) => Promise<void>,
  agree: (call: Call) => Promise<Difference | undefined>,
): Promise<Difference | undefined> {
  // An hour is nobody's to sit through.
  const stepMs = isAttended ? Math.max(attendedStepMs, ms / 10) : ms;
  for (let passedMs = 0; passedMs < ms;) {
    passedMs = Math.min(ms, passedMs + stepMs);
    await moveTo(fromMs + passedMs);
    if (!isAttended) continue;
    const found = (await agree(beatOf("api"))) ?? (await agree(beatOf("control")));
    if (found) return found;
  }
  return undefined;
}

const beatOf = (kind: "api" | "control"): Call => ({ op: "beat", kind, id: `${kind} 0` });

async function answerOf(handlers: Handlers, call: Call): Promise<unknown> {
  const handler = handlers[call.op] as (call: Call) => unknown;
  return (await handler(call)) ?? null;
}

/** Ids of tasks that the call made in the database. */
function newTaskIds(call: Call, answer: unknown, known: ReadonlyMap<string, unknown>): string[] {
  if (call.op !== "submit" && call.op !== "request") return [];
  const id = (answer as { task?: { id?: string } }).task?.id;
  return id === undefined || known.has(id) ? [] : [id];
}

type State = Record<string, unknown[]>;

function stateDifference(sql: State, memory: State, at: number): Difference | undefined {
  for (const table of Object.keys(memory)) {
    const rows = { sql: resorted(sql[table]), memory: resorted(memory[table]) };
    if (isDeepStrictEqual(rows.sql, rows.memory)) continue;
    const only = (own: unknown[], other: unknown[]) =>
      own.filter((row) => !other.some((candidate) => isDeepStrictEqual(row, candidate)));
    const call = { op: "state" as const, table };
    return { at, call, sql: only(rows.sql, rows.memory), memory: only(rows.memory, rows.sql) };
  }
  return undefined;
}

/** Sorted again now that both call their ids the same. */
function resorted(rows: unknown[] | undefined): unknown[] {
  return [...(rows ?? [])].sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
}

const drawnIds = new AsyncLocalStorage<() => string>();
const systemUuid = globalThis.crypto.randomUUID.bind(globalThis.crypto);
type Uuid = ReturnType<typeof systemUuid>;
// Tasks and leases get their ids in product code: inside a sequence they follow from its seed.
globalThis.crypto.randomUUID = () => (drawnIds.getStore()?.() as Uuid | undefined) ?? systemUuid();

function uuidOf(random: () => number): string {
  const hex = Array.from({ length: 32 }, () => Math.floor(random() * 16).toString(16)).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
