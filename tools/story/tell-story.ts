import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import type { TaskSubmit } from "@valet/contracts";
import type { Strategy } from "@valet/shared";
import type { BuiltRelease } from "../artefacts/build-release.ts";
import type { Stack } from "../local-stack/stack.ts";
import { waitFor } from "../local-stack/wait-for.ts";
import { followDeploy } from "./follow-deploy.ts";
import type { Narrator } from "./narrator.ts";
import { applicationTask, readTask } from "./site/tasks.ts";
import { strategyConfig } from "./strategy-config.ts";
import type { StoryFacts } from "./summary.ts";
import { announceRelease } from "./webhook.ts";

export interface StoryPlace {
  stack: Stack;
  narrator: Narrator;
  siteUrl: string;
  submissionsLog: string;
  releases: BuiltRelease[];
  startupMs: number;
  strategy: Strategy;
}

/** Seconds of each application task, cycled through: 5 to 40. */
const paces = [8, 14, 22, 5, 31, 11, 18, 40, 6, 26, 9, 16];

/** Three sandboxes work; v2 is rolled out by webhook; v3 is caught on its first host. Returns what the summary is made from. */
export async function tellStory(place: StoryPlace): Promise<StoryFacts> {
  const { stack, narrator, releases } = place;
  const [v1, v2, v3] = releases;
  if (!v1 || !v2 || !v3) throw new Error("the story needs three releases");
  const submitted: StoryFacts["submitted"] = [];
  const submissionsBefore = readFileSync(place.submissionsLog, "utf8").split("\n").filter(Boolean).length;

  narrator.chapter(`${v1.version} goes to the fleet`);
  const first = await stack.call<{ id: string }>("POST", "/api/v1/admin/deploys", {
    environment: stack.environment,
    imageTag: v1.version,
    imageDigest: v1.digest,
    // Nothing serves yet: all hosts at once.
    knobs: { maxParallel: 3 },
    reason: "first release",
  });
  mustEnd(await followDeploy(stack, first.id, narrator), "completed");
  await slotsReady(stack);
  await stack.call("PUT", "/api/v1/admin/deploys/config", { autoDeployStaging: true, autoDeployProd: false });

  await configure(place);
  // A canary is judged by its tasks: there must be enough of them while it runs.
  const tasks = place.strategy === "canary" ? 42 : 24;
  narrator.chapter(`${tasks} browser tasks are submitted`);
  const fromMs = Date.now();
  submitted.push(...(await submit(place, tasks)));
  await running(stack, 6);
  narrator.say("every slot of the fleet is busy");

  narrator.chapter(`${v2.version} is announced by a signed webhook, while they run`);
  const goodId = await announce(place, v2, "Fill forms faster");
  await followDeploy(stack, goodId, narrator);
  submitted.push(...(await submit(place, 8)));
  narrator.say("8 more tasks are submitted");

  narrator.chapter(`${v3.version} is announced: it was built without a browser that starts`);
  const badId = await announce(place, v3, "Slim the image");
  await followDeploy(stack, badId, narrator);

  narrator.chapter("the last tasks end");
  await allEnded(stack, submitted, narrator);
  return {
    submitted,
    good: await stack.call("GET", `/api/v1/admin/deploys/${goodId}`),
    bad: await stack.call("GET", `/api/v1/admin/deploys/${badId}`),
    submissionsLog: place.submissionsLog,
    submissionsBefore,
    startupMs: place.startupMs,
    fromMs,
    toMs: Date.now(),
  };
}

/** The environment's rollout.yml, stored as an admin would; the shipped defaults need none. */
async function configure({ stack, narrator, strategy }: StoryPlace): Promise<void> {
  const source = strategyConfig(strategy, stack.environment);
  const path = `/api/v1/admin/rollout-config/${stack.environment}`;
  const { version } = await stack.call<{ version: number }>("GET", path);
  if (source === null && version === 0) return;
  narrator.chapter(`releases go out by the strategy ${strategy} from now on`);
  const empty = `version: 1\nenvironments:\n  ${stack.environment}: {}\n`;
  await stack.call("PUT", path, { source: source ?? empty, expectedVersion: version });
}

async function announce(place: StoryPlace, release: BuiltRelease, message: string): Promise<string> {
  const { stack } = place;
  return announceRelease(stack.apiUrl, stack.keys.webhookSecret, {
    tag: release.version,
    digest: release.digest,
    message,
    environment: stack.environment,
  });
}

async function submit(place: StoryPlace, count: number): Promise<StoryFacts["submitted"]> {
  const submitted: StoryFacts["submitted"] = [];
  for (let i = 0; i < count; i++) {
    const reference = `application-${randomUUID()}`;
    // One in six only reads.
    const reads = i % 6 === 5;
    const body: TaskSubmit = reads
      ? readTask({ siteUrl: place.siteUrl })
      : applicationTask({ siteUrl: place.siteUrl, reference, seconds: paces[i % paces.length] ?? 10 });
    const { id } = await place.stack.call<{ id: string }>("POST", "/api/v1/tasks", body);
    submitted.push({ taskId: id, reference: reads ? null : reference });
  }
  return submitted;
}

async function slotsReady(stack: Stack): Promise<void> {
  await waitFor("every slot to accept work", async () => {
    const { rows } = await stack.database.query<{ n: number }>(
      `SELECT count(*) AS n FROM slots WHERE state <> 'accepting'`,
    );
    return Number(rows[0]?.n) === 0 ? true : undefined;
  });
}

async function running(stack: Stack, count: number): Promise<void> {
  await waitFor(`${count} tasks to run`, async () => {
    const { rows } = await stack.database.query<{ n: number }>(
      `SELECT count(*) AS n FROM tasks WHERE state = 'running'`,
    );
    return Number(rows[0]?.n) >= count ? true : undefined;
  });
}

/** Waits until nothing is open any more; what is still open after the deadline counts as lost in the summary. */
async function allEnded(stack: Stack, submitted: StoryFacts["submitted"], narrator: Narrator): Promise<void> {
  const ids = submitted.map(({ taskId }) => taskId);
  let told = -1;
  await waitFor(
    "the last tasks to end",
    async () => {
      const { rows } = await stack.database.query<{ n: number }>(
        `SELECT count(*) AS n FROM tasks WHERE id = ANY($1::uuid[]) AND state IN ('queued', 'assigned', 'running', 'paused', 'needs_human')`,
        [ids],
      );
      const left = Number(rows[0]?.n);
      if (left !== told && left % 5 === 0) narrator.say(`${left} tasks left`);
      told = left;
      return left === 0 ? true : undefined;
    },
    { deadlineMs: 120_000, everyMs: 250 },
  ).catch((error: unknown) => narrator.warn(error instanceof Error ? error.message : String(error)));
}

function mustEnd(deploy: { imageTag: string; state: string; stateReason: string }, state: string): void {
  if (deploy.state !== state) {
    throw new Error(`the deploy of ${deploy.imageTag} ended ${deploy.state}, not ${state}: ${deploy.stateReason}`);
  }
}
