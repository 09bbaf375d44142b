import type { GhCommand, GhInventory } from "@valet/contracts";
import { makeCommandQueue, type CommandQueue } from "./command-queue.ts";
import type { FeedLog } from "./feed-log.ts";
import type { JobBook } from "./job-book.ts";

export interface WorkerLink {
  inventory: GhInventory;
  confirmedAtMonoMs: number;
  registeredAtMs: number;
  confirmedAtMs: number;
  queue: CommandQueue;
}

/** The GH workers that registered with this process. They register again, with everything, whenever it restarted. */
export interface WorkerLinks {
  register(inventory: GhInventory): WorkerLink;
  /** False: not the boot that is registered; it has to register. */
  confirm(inventory: GhInventory): boolean;
  link(workerId: string, bootId: string): WorkerLink | undefined;
  list(): WorkerLink[];
  /** Without targeted workers. */
  own(): WorkerLink[];
  /** Hands a command to the worker it concerns; a start without a worker waits for the next one to register. */
  send(command: GhCommand): "sent" | "waiting" | "no_worker";
  isLost(link: WorkerLink): boolean;
}

const maxWaitingStarts = 1000;

export function makeWorkerLinks(deps: {
  jobs: JobBook;
  feed: FeedLog;
  wallMs: () => number;
  monoMs: () => number;
  lostAfterMs: number;
}): WorkerLinks {
  const { jobs, feed } = deps;
  const links = new Map<string, WorkerLink>();
  let waitingStarts: GhCommand[] = [];
  let lastSlots: GhCommand | undefined;

  const isLost = (link: WorkerLink) => deps.monoMs() - link.confirmedAtMonoMs > deps.lostAfterMs;
  const isOwn = ({ inventory }: WorkerLink) => inventory.target_worker_id === null;
  /** The generation's own worker. A targeted one shares this API, and nothing else. */
  const primary = () => {
    const newestFirst = [...links.values()].filter(isOwn).sort((a, b) => b.registeredAtMs - a.registeredAtMs);
    return newestFirst.find((link) => !isLost(link)) ?? newestFirst[0];
  };
  const concerned = (command: GhCommand) => {
    const job = "job_id" in command ? jobs.get(command.job_id) : undefined;
    const target = job?.spec?.target_worker_id;
    if (target !== undefined) return links.get(target);
    const workerId = job?.workerId;
    return (workerId === undefined ? undefined : links.get(workerId)) ?? primary();
  };
  const stamp = (link: WorkerLink, inventory: GhInventory) => {
    const before = comparable(link.inventory);
    link.inventory = inventory;
    link.confirmedAtMonoMs = deps.monoMs();
    link.confirmedAtMs = deps.wallMs();
    if (before !== comparable(inventory)) feed.touch();
  };
  const learn = (inventory: GhInventory, isNewBoot: boolean, link: WorkerLink) => {
    const undelivered = link.queue.unconfirmedStarts().map((command) => ("job_id" in command ? command.job_id : ""));
    jobs.learn(inventory, isNewBoot, new Set(undelivered));
  };

  return {
    isLost,
    register(inventory) {
      const known = links.get(inventory.worker_id);
      if (known && known.inventory.boot_id === inventory.boot_id) {
        stamp(known, inventory);
        learn(inventory, false, known);
        return known;
      }
      const now = deps.wallMs();
      const link: WorkerLink = {
        inventory,
        confirmedAtMonoMs: deps.monoMs(),
        confirmedAtMs: now,
        registeredAtMs: now,
        queue: makeCommandQueue(),
      };
      if (!isOwn(link)) link.queue.push(allSlotsOf(inventory));
      else if (lastSlots) link.queue.push(lastSlots);
      const listed = new Set(inventory.jobs.map((job) => job.job_id));
      const isForIt = (start: GhCommand) =>
        "job" in start && (start.job.target_worker_id ?? null) === inventory.target_worker_id;
      const starts = [...(known?.queue.unconfirmedStarts() ?? []), ...waitingStarts.filter(isForIt)];
      waitingStarts = waitingStarts.filter((start) => !isForIt(start));
      for (const start of starts) if ("job_id" in start && !listed.has(start.job_id)) link.queue.push(start);
      known?.queue.end();
      links.set(inventory.worker_id, link);
      learn(inventory, true, link);
      feed.touch();
      return link;
    },
    confirm(inventory) {
      const link = links.get(inventory.worker_id);
      if (!link || link.inventory.boot_id !== inventory.boot_id) return false;
      stamp(link, inventory);
      learn(inventory, false, link);
      return true;
    },
    link(workerId, bootId) {
      const link = links.get(workerId);
      return link?.inventory.boot_id === bootId ? link : undefined;
    },
    list: () => [...links.values()],
    own: () => [...links.values()].filter(isOwn),
    send(command) {
      if (command.type === "slots") lastSlots = command;
      if (command.type === "acknowledge") feed.acknowledge(command.valet_task_id, command.fence, command.through_seq);
      if (command.type === "permit") feed.settleAsk(command.ask_id);
      const link = concerned(command);
      if (link) {
        if (command.type === "start") {
          const job = jobs.get(command.job_id);
          if (job) job.workerId = link.inventory.worker_id;
        }
        link.queue.push(command);
        return "sent";
      }
      if (command.type !== "start" || waitingStarts.length >= maxWaitingStarts) return "no_worker";
      waitingStarts.push(command);
      return "waiting";
    },
  };
}

/** Nobody hands slots to a targeted worker: all it has are its own. */
function allSlotsOf({ max_concurrent: count }: GhInventory): GhCommand {
  return { type: "slots", owned: Array.from({ length: count }, (_, slot) => slot), spare: false };
}

/** What a reader of the feed wants to hear about at once; the uptime is not. */
function comparable(inventory: GhInventory): string {
  return JSON.stringify({ ...inventory, uptime_seconds: 0 });
}
