import type { SandboxView } from "@valet/contracts";
import { type Environment, deadlineSignal } from "@valet/shared";
import type { CliContext } from "../context.ts";
import { CliFailure } from "../failure.ts";
import type { Discovered } from "./discover.ts";

const patienceMs = 3_000;
const pageSize = 1_000;

/** True when the API and its database answer. One that is not configured does not. */
export async function apiAnswers(context: CliContext): Promise<boolean> {
  try {
    const { apiUrl } = context.config();
    const signal = deadlineSignal(patienceMs, context.io.signal);
    return (await fetch(`${apiUrl}/api/v1/health`, { signal })).ok;
  } catch (error) {
    context.io.signal.throwIfAborted();
    // Down, or nobody said where it is: either way there is nothing to ask.
    if (error instanceof CliFailure || error instanceof Error) return false;
    throw error;
  }
}

/** What the API says of an environment's hosts and of what it runs. */
export async function askFleet(context: CliContext, environment: Environment): Promise<Discovered> {
  const sandboxes = (await allSandboxes(context)).filter((one) => one.environment === environment);
  return {
    hosts: sandboxes.map(hostOf),
    source: `the API at ${context.config().apiUrl}`,
    isWhole: true,
    lastCompleted: await lastCompletedOf(context, environment),
  };
}

export const hostOf = ({ id, name, publicIp, agentPort }: SandboxView) => ({
  sandboxId: id,
  name,
  address: publicIp,
  agentPort,
});

const inService = ["provisioning", "active", "deploying", "unhealthy"];

export async function allSandboxes(context: CliContext): Promise<SandboxView[]> {
  const found: SandboxView[] = [];
  for (let page = 1; ; page += 1) {
    const query = { page, pageSize, sortBy: "name", sortOrder: "asc" } as const;
    const { data, pagination } = await context.api().listSandboxes({ query, signal: context.signal() });
    found.push(...data.filter(({ state }) => inService.includes(state)));
    if (page >= pagination.totalPages) return found;
  }
}

/** The newest deploy that completed there; null when none has. */
export async function lastCompletedOf(context: CliContext, environment: Environment) {
  const query = { environment, service: "ghosthands", state: "completed", pageSize: 20, page: 1 } as const;
  const { data } = await context.api().listDeploys({ query, signal: context.signal() });
  const [last] = data
    .filter(({ imageDigest, endedAt }) => imageDigest !== null && endedAt !== null)
    .sort((a, b) => ((a.endedAt ?? "") < (b.endedAt ?? "") ? 1 : -1));
  return last?.imageDigest ? { tag: last.imageTag, digest: last.imageDigest } : null;
}
