import { createHash } from "node:crypto";
import { routes } from "@valet/contracts";
import {
  type NewTask,
  type Sql,
  type TaskRow,
  appendAudit,
  artifactsOf,
  getTask,
  listTasks,
  readArtifact,
  requestCancel,
  retryTask,
  reviewTask,
  submitTask,
  whyTask,
} from "@valet/db";
import { UserError, canonicalJson } from "@valet/shared";
import type { FastifyInstance } from "fastify";
import type { ApiContext } from "../context.ts";
import { makeGroupCommit } from "../group-commit.ts";
import { mount, sent } from "../mount.ts";
import { pageView } from "../pagination.ts";
import { type UserPrincipal, actorOf, tenantScopeOf } from "../principal.ts";
import { assertOpenableAddresses } from "../task-addresses.ts";
import { unwrap } from "../unwrap.ts";
import { artifactView, loadTaskView, taskSummaryView, taskView } from "../views/task-view.ts";

const submitLimitBytes = 10_485_760;
/** Content types that a browser may show from our origin; anything else is downloaded. */
const shownTypes = /^(image\/(png|jpeg|webp|gif)|text\/plain|application\/json)\b/;

interface Submission {
  actor: string;
  task: NewTask;
}

function byKey(a: Submission, b: Submission): number {
  const keyOf = ({ task }: Submission) => `${task.tenantId} ${task.idempotencyKey ?? ""}`;
  return keyOf(a) < keyOf(b) ? -1 : 1;
}

/** Tasks. A client sees and touches its own tenant's; another's does not exist for it. */
export function taskRoutes(app: FastifyInstance, context: ApiContext): void {
  const { db, config, times } = context;
  const submit = makeGroupCommit(db, async (tx, submissions: readonly Submission[]) => {
    const results = new Map<Submission, Awaited<ReturnType<typeof submitTask>>>();
    // In the order of their keys: two groups with the same keys never wait for each other in a circle.
    for (const one of submissions.toSorted(byKey)) results.set(one, await submitTask(tx, one.task));
    const entries = [...results].flatMap(([{ actor }, result]) =>
      result.ok && !result.value.replayed ? [{ actor, action: "task.submit", subject: result.value.task.id }] : [],
    );
    await appendAudit(tx, entries);
    return submissions.flatMap((one) => results.get(one) ?? []);
  });

  mount(
    app,
    routes.submitTask,
    async ({ body, principal, request, reply }) => {
      assertOpenableAddresses(body, config.VALET_ALLOWED_PRIVATE_HOSTS);
      const idempotencyKey = idempotencyKeyOf(request.headers["idempotency-key"]);
      const environment = body.environment ?? config.VALET_ENVIRONMENT;
      const task: NewTask = { tenantId: principal.tenantId, environment, spec: body };
      if (idempotencyKey !== undefined) {
        task.idempotencyKey = idempotencyKey;
        task.bodyHash = createHash("sha256").update(canonicalJson(body)).digest("hex");
      }
      const submitted = unwrap(await submit({ actor: actorOf(principal), task }));
      if (!submitted.replayed) return taskView(submitted.task, [], []);
      reply.code(200).header("idempotency-replayed", "true");
      return loadTaskView(db, submitted.task);
    },
    { bodyLimitBytes: submitLimitBytes },
  );

  mount(app, routes.listTasks, async ({ query, principal }) =>
    pageView(await listTasks(db, { ...query, ...scoped(principal) }), query, taskSummaryView),
  );
  mount(app, routes.getTask, async ({ params, principal }) =>
    loadTaskView(db, await foundTask(db, params.id, principal)),
  );
  mount(app, routes.whyTask, async ({ params, principal }) => {
    await foundTask(db, params.id, principal);
    const why = await whyTask(db, params.id, times);
    if (!why) throw unknownTask(params.id);
    return why;
  });

  mount(app, routes.cancelTask, async ({ params, body, principal }) => {
    const row = await db.tx(async (tx) => {
      const cancelled = unwrap(await requestCancel(tx, params.id, who(principal)));
      await appendAudit(tx, { actor: actorOf(principal), action: "task.cancel", subject: params.id, data: body });
      return cancelled;
    });
    return loadTaskView(db, row);
  });
  mount(app, routes.retryTask, async ({ params, body, principal }) => {
    const row = await db.tx(async (tx) => {
      const copy = unwrap(await retryTask(tx, params.id, who(principal)));
      const data = { ...body, newTaskId: copy.id };
      await appendAudit(tx, { actor: actorOf(principal), action: "task.retry", subject: params.id, data });
      return copy;
    });
    return loadTaskView(db, row);
  });
  mount(app, routes.reviewTask, async ({ params, body, principal }) => {
    const row = await db.tx(async (tx) => {
      const reviewed = unwrap(await reviewTask(tx, params.id, { ...body, ...who(principal) }));
      await appendAudit(tx, { actor: actorOf(principal), action: "task.review", subject: params.id, data: body });
      return reviewed;
    });
    return loadTaskView(db, row);
  });

  mount(app, routes.listArtifacts, async ({ params, principal }) => {
    await foundTask(db, params.id, principal);
    return { data: (await artifactsOf(db, params.id)).map(artifactView) };
  });
  mount(app, routes.getArtifact, async ({ params, principal, reply }) => {
    const artifact = await readArtifact(db, params.artifactId, tenantScopeOf(principal) ?? undefined);
    if (!artifact || artifact.taskId !== params.id)
      throw new UserError("not_found", `Task ${params.id} has no artifact ${params.artifactId}.`);
    const disposition = shownTypes.test(artifact.contentType) ? "inline" : "attachment";
    reply
      .type(artifact.contentType)
      .header("content-disposition", `${disposition}; filename="${artifact.name.replace(/[^\w.-]/g, "_")}"`)
      .header("content-security-policy", "sandbox; default-src 'none'")
      .header("etag", `"${artifact.sha256}"`)
      .header("cache-control", "private, max-age=31536000, immutable")
      .send(artifact.content);
    return sent;
  });
}

/** The task, or 404 when it is unknown or another tenant's. */
export async function foundTask(sql: Sql, id: string, principal: UserPrincipal): Promise<TaskRow> {
  const row = await getTask(sql, id, tenantScopeOf(principal) ?? undefined);
  if (!row) throw unknownTask(id);
  return row;
}

function unknownTask(id: string): UserError {
  return new UserError("not_found", `There is no task ${id}.`);
}

function scoped(principal: UserPrincipal): { tenantId?: string } {
  const tenantId = tenantScopeOf(principal);
  return tenantId === null ? {} : { tenantId };
}

function who(principal: UserPrincipal) {
  return { actor: actorOf(principal), ...scoped(principal) };
}

function idempotencyKeyOf(header: string | string[] | undefined): string | undefined {
  if (header === undefined) return undefined;
  if (typeof header === "string" && /^[\x21-\x7e]{1,200}$/.test(header)) return header;
  const message = "1 to 200 printable characters without spaces";
  throw new UserError("validation", `Idempotency-Key: ${message}`, [
    { field: "Idempotency-Key", message, code: "invalid_format" },
  ]);
}
