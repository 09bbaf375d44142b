import type { LawName } from "./laws/law.ts";
import type { Happening, Script } from "./script.ts";
import { simulate } from "./simulate.ts";

export interface ShrinkOptions {
  /** Simulations at most; what is smallest by then is returned. */
  most?: number;
}

/** The smallest script found that still breaks the law, within `most` simulations. */
export function shrink(script: Script, law: LawName, { most = 400 }: ShrinkOptions = {}): Promise<Script> {
  const breaks = async (candidate: Script): Promise<boolean> => {
    const told = await simulate(candidate, { stopAtFirst: true });
    return told.violations[0]?.law === law;
  };
  return shrinkWith(script, breaks, most);
}

/**
 * Happenings are dropped in ever smaller pieces (delta debugging), then hosts, tasks and releases that no longer matter, until
 * nothing more can go.
 */
export async function shrinkWith(script: Script, isSame: Breaks, most = 400): Promise<Script> {
  let tries = 0;
  const breaks: Breaks = async (candidate) => {
    if (tries >= most) return false;
    tries += 1;
    return isSame(candidate);
  };
  let smallest = script;
  for (;;) {
    const before = sizeOf(smallest);
    smallest = await dropHappenings(smallest, breaks);
    smallest = await dropHosts(smallest, breaks);
    smallest = await dropTasks(smallest, breaks);
    if (sizeOf(smallest) === before || tries >= most) break;
  }
  const used = new Set(smallest.happenings.flatMap((one) => (one.kind === "new-deploy" ? [one.tag] : [])));
  const releases = smallest.releases.filter((one, index) => index === 0 || used.has(one.tag));
  const lean = { ...smallest, releases };
  return (await breaks(lean)) ? lean : smallest;
}

type Breaks = (candidate: Script) => Promise<boolean>;

function sizeOf({ happenings, hosts }: Script): number {
  const tasks = happenings.reduce((sum, one) => sum + (one.kind === "submit-tasks" ? one.tasks.length : 0), 0);
  return happenings.length + hosts.length + tasks;
}

async function dropHappenings(script: Script, breaks: Breaks): Promise<Script> {
  let happenings = script.happenings;
  for (let size = Math.ceil(happenings.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < happenings.length;) {
      const fewer = [...happenings.slice(0, at), ...happenings.slice(at + size)];
      if (await breaks({ ...script, happenings: fewer })) happenings = fewer;
      else at += size;
    }
  }
  return { ...script, happenings };
}

async function dropHosts(script: Script, breaks: Breaks): Promise<Script> {
  let smallest = script;
  for (const { name } of [...script.hosts].reverse()) {
    if (smallest.hosts.length === 1) break;
    const candidate: Script = {
      ...smallest,
      hosts: smallest.hosts.filter((one) => one.name !== name),
      happenings: smallest.happenings.filter((one) => !("host" in one) || one.host !== name),
    };
    if (await breaks(candidate)) smallest = candidate;
  }
  return smallest;
}

async function dropTasks(script: Script, breaks: Breaks): Promise<Script> {
  let smallest = script;
  const ids = script.happenings.flatMap((one) => (one.kind === "submit-tasks" ? one.tasks.map((task) => task.id) : []));
  for (const id of ids) {
    const happenings = smallest.happenings.map((one): Happening => {
      return one.kind === "submit-tasks" ? { ...one, tasks: one.tasks.filter((task) => task.id !== id) } : one;
    });
    const candidate = { ...smallest, happenings };
    if (await breaks(candidate)) smallest = candidate;
  }
  return smallest;
}
