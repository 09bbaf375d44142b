import type { DeploySummary, SandboxView } from "@valet/contracts";
import { activeDeployStates, type TaskState } from "@valet/shared";
import { ask } from "../ask.ts";
import type { CliContext } from "../context.ts";
import { type ExitCode, exitCodes } from "../failure.ts";
import { plainText } from "../plain-text.ts";
import { shorten } from "../short-ids.ts";
import { stateText } from "../style.ts";
import { renderFields } from "../table.ts";

const countedTaskStates = ["queued", "running", "needs_human", "needs_review"] as const satisfies readonly TaskState[];
type TaskCounts = Record<(typeof countedTaskStates)[number], number>;

/** The API's health, the fleet, the queue and the deploys under way; exit code 1 when the API is not sound. */
export async function showStatus(context: CliContext): Promise<ExitCode> {
  const doing = { what: "read the status" };
  const health = await ask(context, doing, (api, signal) => api.health({ signal }));
  const [fleet, deploys, tasks] = await Promise.all([
    ask(context, doing, (api, signal) => api.listSandboxes({ query: { pageSize: 1000, sortBy: "name" }, signal })),
    activeDeploys(context),
    countTasks(context),
  ]);
  const summary = summarize(fleet.data);
  const document = {
    apiUrl: context.config().apiUrl,
    health,
    sandboxes: { ...summary, total: fleet.pagination.total },
    tasks,
    activeDeploys: deploys,
  };
  context.print(document, () => {
    const where = plainText(`${health.version} at ${document.apiUrl} (${health.environment})`);
    const api = `${stateText(context.style, health.status)} ${where}`;
    const { database, redis } = health.dependencies;
    return renderFields([
      ["API", { text: api, paint: () => api }],
      ["Depends on", `database ${database}, redis ${redis}`],
      ["Sandboxes", sandboxText(summary, fleet.pagination.total)],
      ["Slots", `${summary.slotsBusy} busy, ${summary.slotsAccepting} free, ${summary.slotsTotal} in all`],
      ["Tasks", countedTaskStates.map((state) => `${tasks[state]} ${state}`).join(", ")],
      ...deployFields(deploys),
    ]);
  });
  return health.status === "ok" ? exitCodes.done : exitCodes.failed;
}

async function activeDeploys(context: CliContext): Promise<DeploySummary[]> {
  const pages = await Promise.all(
    activeDeployStates.map((state) =>
      ask(context, { what: "read the deploys" }, (api, signal) =>
        api.listDeploys({ query: { state, pageSize: 100 }, signal }),
      ),
    ),
  );
  return pages.flatMap(({ data }) => data);
}

async function countTasks(context: CliContext): Promise<TaskCounts> {
  const counts = await Promise.all(
    countedTaskStates.map(async (state) => {
      const page = await ask(context, { what: "count the tasks" }, (api, signal) =>
        api.listTasks({ query: { state, pageSize: 1 }, signal }),
      );
      return [state, page.pagination.total] as const;
    }),
  );
  return Object.fromEntries(counts) as TaskCounts;
}

interface FleetSummary {
  active: number;
  deploying: number;
  cordoned: number;
  /** Known not to answer; never counted as idle. */
  unreachable: number;
  slotsBusy: number;
  slotsAccepting: number;
  slotsTotal: number;
}

function summarize(sandboxes: readonly SandboxView[]): FleetSummary {
  const slots = sandboxes.flatMap((sandbox) => sandbox.slots);
  return {
    active: sandboxes.filter(({ state }) => state === "active").length,
    deploying: sandboxes.filter(({ state }) => state === "deploying").length,
    cordoned: sandboxes.filter(({ cordons }) => cordons.length > 0).length,
    unreachable: sandboxes.filter(({ reachable, state }) => !reachable && state !== "terminated").length,
    slotsBusy: slots.filter(({ state }) => state === "reserved" || state === "occupied").length,
    slotsAccepting: slots.filter(({ state }) => state === "accepting").length,
    slotsTotal: slots.length,
  };
}

function sandboxText(summary: FleetSummary, total: number): string {
  if (total === 0) return "none; add one with valet sandboxes add";
  const { active, deploying, cordoned, unreachable } = summary;
  return `${active} active, ${deploying} deploying, ${cordoned} cordoned, ${unreachable} unreachable, ${total} in all`;
}

function deployFields(deploys: readonly DeploySummary[]): (readonly [string, string])[] {
  if (deploys.length === 0) return [["Deploys", "none under way"]];
  return deploys.map((deploy, index) => {
    const { id, service, imageTag, environment, state, hostsUpdated, hostsTotal } = deploy;
    const text = `${shorten(id)} ${service} ${imageTag} to ${environment}: ${state}, ${hostsUpdated} of ${hostsTotal} hosts`;
    return [index === 0 ? "Deploys" : "", text] as const;
  });
}
