import { randomUUID } from "node:crypto";
import { chmodSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type DeployView, deployViewSchema, type KnobsOverride, type TaskSubmit } from "@valet/contracts";
import type { DeployState } from "@valet/shared";
import { freePort } from "../../tools/local-stack/addresses.ts";
import { findBrowser } from "../../tools/local-stack/find-browser.ts";
import { buildPrograms } from "../../tools/local-stack/programs.ts";
import type { SourcePatch } from "../../tools/local-stack/source-patches.ts";
import { type Stack, type StackSettings, startStack } from "../../tools/local-stack/stack.ts";
import { waitFor } from "../../tools/local-stack/wait-for.ts";
import { type Site, startSite } from "../../tools/story/start-site.ts";
import { applicationTask, readTask } from "../../tools/story/site/tasks.ts";
import { type BuiltRelease, buildRelease } from "../../tools/artefacts/build-release.ts";
import { orphanProcesses } from "./orphans.ts";

export const repositoryRoot = dirname(dirname(import.meta.dirname));

/** Knobs that keep a rollout of one test to seconds; the order of things is the shipped one. */
export const quickKnobs: KnobsOverride = { minHealthyMs: 300, healthyDeadlineMs: 30_000, drainPollMs: 200 };

export interface SubmittedTask {
  taskId: string;
  /** null: it only reads. */
  reference: string | null;
}

export interface TestStack extends Stack {
  site: Site;
  dataDir: string;
  /** Builds a release once a test run and files it under its version as tag. */
  publish(version: string, patch?: readonly SourcePatch[]): Promise<BuiltRelease>;
  startDeploy(tag: string, knobs?: KnobsOverride): Promise<string>;
  deploy(id: string): Promise<DeployView>;
  untilDeploy(id: string, states: readonly DeployState[], deadlineMs?: number): Promise<DeployView>;
  /** Publishes a release and takes it through the whole fleet at once. */
  install(version: string): Promise<BuiltRelease>;
  submitApplication(seconds: number, extra?: Partial<TaskSubmit>): Promise<SubmittedTask>;
  submitRead(): Promise<SubmittedTask>;
  untilRunning(count: number): Promise<true>;
  untilEnded(tasks: readonly SubmittedTask[], deadlineMs?: number): Promise<Map<string, string>>;
  /** reference -> how often the form server received it. */
  submissions(): Map<string, number>;
  rows<T>(sql: string, values?: unknown[]): Promise<T[]>;
  /** Processes that belong to this stack's folders but to no living generation. */
  orphans(): Promise<string[]>;
  close(): Promise<void>;
}

export interface TestStackSettings extends Partial<Omit<StackSettings, "programs" | "dataDir">> {
  /** Source patches for api, workers and agent: mutants of whole programs. */
  patches?: readonly SourcePatch[];
}

/** What became of each attempt, and the last it was heard of: what one needs to know of a task that does not end. */
const attemptLines = `
  SELECT concat_ws(' ', a.task_id, 'fence', a.fence, 'slot', a.slot_index, 'of generation', a.generation,
    'reserved', a.reserved_at, 'ended', a.ended_at, a.outcome, a.reason,
    (SELECT 'last event ' || e.seq || ' ' || e.type || ' at ' || e.at FROM task_events e
     WHERE (e.task_id, e.fence) = (a.task_id, a.fence) ORDER BY e.seq DESC LIMIT 1)) AS line
  FROM attempts a WHERE a.task_id = ANY($1::uuid[]) ORDER BY a.task_id, a.fence`;

/** A whole local system for one test file: real Postgres, real processes, real browser, free ports, an own folder. */
export async function startTestStack(settings: TestStackSettings = {}): Promise<TestStack> {
  const dataDir = mkdtempSync(join(tmpdir(), "valet-system-"));
  chmodSync(dataDir, 0o755);
  const programs = await buildPrograms(repositoryRoot, settings.patches ?? []);
  const site = await startSite(programs.site, join(dataDir, "site"));
  const stack = await startStack({
    apiPort: await freePort(),
    sandboxes: 1,
    slots: 2,
    leaseMs: 300_000,
    environment: "staging",
    fixedAddresses: false,
    browserPath: findBrowser(undefined, (line) => console.error(line)),
    restartMs: 200,
    ...settings,
    allowedPrivateHosts: [`127.0.0.1:${site.port}`, ...(settings.allowedPrivateHosts ?? [])],
    programs,
    dataDir,
  }).catch(async (error: unknown) => {
    await site.stop();
    throw error;
  });
  return { ...stack, ...conveniences(stack, site, dataDir), site, dataDir };
}

function conveniences(stack: Stack, site: Site, dataDir: string) {
  const rows = async <T>(sql: string, values: unknown[] = []): Promise<T[]> =>
    (await stack.database.query(sql, values)).rows as T[];
  const deploy = async (id: string) => deployViewSchema.parse(await stack.call("GET", `/api/v1/admin/deploys/${id}`));
  const startDeploy = async (tag: string, knobs: KnobsOverride = quickKnobs) =>
    (
      await stack.call<{ id: string }>("POST", "/api/v1/admin/deploys", {
        environment: stack.environment,
        imageTag: tag,
        knobs,
        reason: "test",
      })
    ).id;
  const untilDeploy = (id: string, states: readonly DeployState[], deadlineMs = 120_000) =>
    waitFor(
      `deploy ${id} to be ${states.join(" or ")}`,
      async () => {
        const view = await deploy(id);
        if (states.includes(view.state)) return view;
        // Says where it stands when the deadline passes.
        throw new Error(`it is ${view.state}: ${view.stateReason}; waits for ${view.waitingOn.join(", ")}`);
      },
      { deadlineMs, everyMs: 100 },
    );
  const publish = async (version: string, patch: readonly SourcePatch[] = []) => {
    const release = await buildRelease({ version, patch, outDir: join(dataDir, "releases", version) });
    await stack.registry.putRelease(release, version);
    return release;
  };
  const submit = async (body: TaskSubmit, reference: string | null): Promise<SubmittedTask> => {
    const { id } = await stack.call<{ id: string }>("POST", "/api/v1/tasks", body);
    return { taskId: id, reference };
  };
  return {
    rows,
    deploy,
    startDeploy,
    untilDeploy,
    publish,
    async install(version: string) {
      const release = await publish(version);
      const id = await startDeploy(version, { ...quickKnobs, maxParallel: 10 });
      await untilDeploy(id, ["completed"]);
      await waitFor("every slot to accept work", async () => {
        const [row] = await rows<{ n: string }>(`SELECT count(*) AS n FROM slots WHERE state <> 'accepting'`);
        return Number(row?.n) === 0 ? true : undefined;
      });
      return release;
    },
    submitApplication: (seconds: number, extra: Partial<TaskSubmit> = {}) => {
      const reference = `application-${randomUUID()}`;
      return submit({ ...applicationTask({ siteUrl: site.url, reference, seconds }), ...extra }, reference);
    },
    submitRead: () => submit(readTask({ siteUrl: site.url }), null),
    untilRunning: (count: number) =>
      waitFor(`${count} tasks to run`, async () => {
        const [row] = await rows<{ n: string }>(`SELECT count(*) AS n FROM tasks WHERE state = 'running'`);
        if (Number(row?.n) < count) return undefined;
        return true as const;
      }),
    untilEnded: (tasks: readonly SubmittedTask[], deadlineMs = 120_000) =>
      waitFor(
        `${tasks.length} tasks to end`,
        async () => {
          const found = await rows<{ id: string; state: string }>(
            `SELECT id, state FROM tasks WHERE id = ANY($1::uuid[])`,
            [tasks.map(({ taskId }) => taskId)],
          );
          const open = found.filter(({ state }) =>
            ["queued", "assigned", "running", "paused", "needs_human"].includes(state),
          );
          if (open.length > 0 || found.length < tasks.length) {
            const attempts = await rows<{ line: string }>(attemptLines, [open.map(({ id }) => id)]);
            throw new Error(
              [
                `${open.length} still open: ${open.map(({ id, state }) => `${id} ${state}`).join(", ")}`,
                ...attempts.map(({ line }) => line),
              ].join("\n  "),
            );
          }
          return new Map(found.map(({ id, state }) => [id, state]));
        },
        { deadlineMs, everyMs: 100 },
      ),
    submissions() {
      const counts = new Map<string, number>();
      for (const line of readFileSync(site.log, "utf8").split("\n").filter(Boolean)) {
        const { reference } = JSON.parse(line) as { reference: string };
        counts.set(reference, (counts.get(reference) ?? 0) + 1);
      }
      return counts;
    },
    orphans: () => orphanProcesses(stack, dataDir),
    async close() {
      await stack.stop();
      await site.stop();
      rmSync(dataDir, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
    },
  };
}
