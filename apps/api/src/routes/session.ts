import { routes, taskSubmitSchema } from "@valet/contracts";
import {
  type HeartbeatCall,
  type SessionOpening,
  type Sql,
  type Tx,
  acknowledge,
  applyHeartbeats,
  assignmentsOfMany,
  closeSession,
  grantPermit,
  liveSession,
  openSessions,
  recordEvents,
  storeArtifact,
} from "@valet/db";
import { UserError } from "@valet/shared";
import type { FastifyInstance } from "fastify";
import type { ApiContext } from "../context.ts";
import { goneSignal } from "../gone-signal.ts";
import { makeGroupCommit } from "../group-commit.ts";
import { mount } from "../mount.ts";
import type { SandboxPrincipal } from "../principal.ts";
import { unwrap } from "../unwrap.ts";

/** Wire versions of the sandbox session that this API speaks. */
export const sessionWire = { min: 1, max: 1 } as const;
/** Nobody waits for a heartbeat's answer; those of a fleet come a few milliseconds apart, and together cost one transaction. */
const heartbeatLingerMs = 20;
/** After an outage a fleet opens its sessions together. */
const openingLingerMs = 10;
const eventsLimitBytes = 10_485_760;
const artifactLimitBytes = 26_214_400;
const uncounted = { uncounted: true };

/** What sandbox workers call. Fast paths: nothing here reads more than it must. */
export function sessionRoutes(app: FastifyInstance, context: ApiContext): void {
  const { db, board, times, stopping } = context;
  const heartbeat = makeGroupCommit(db, (tx, calls: readonly HeartbeatCall[]) => applyHeartbeats(tx, calls), {
    lingerMs: heartbeatLingerMs,
    mostTogether: 100,
  });
  const open = makeGroupCommit(db, openWithAttempts, { lingerMs: openingLingerMs });

  mount(
    app,
    routes.openSession,
    async ({ body, principal }) => {
      const wire = commonWire(body.wire);
      const { bootId, version } = body;
      const { session, attempts } = await open({ sandboxId: principal.sandboxId, bootId, version, wire });
      return {
        sessionId: session.id,
        sandboxId: principal.sandboxId,
        sandboxName: session.sandboxName,
        wire,
        leaseMs: times.leaseMs,
        attempts: attempts.map((attempt) => ({ ...attempt, spec: taskSubmitSchema.parse(attempt.spec) })),
      };
    },
    uncounted,
  );

  mount(
    app,
    routes.closeSession,
    async ({ params, principal }) => {
      await assertOwnSession(db, params.id, principal);
      await db.tx((tx) => closeSession(tx, params.id));
      return { closed: true as const };
    },
    uncounted,
  );

  mount(
    app,
    routes.assignments,
    ({ params, query, principal, reply }) =>
      board.wait({
        sandboxId: principal.sandboxId,
        sessionId: params.id,
        planRevision: query.planRevision,
        waitMs: query.waitMs,
        signal: AbortSignal.any([stopping, goneSignal(reply)]),
      }),
    uncounted,
  );

  mount(
    app,
    routes.acknowledge,
    async ({ params, body, principal }) => {
      await assertOwnSession(db, params.id, principal);
      const taken = unwrap(await acknowledge(db, { sandboxId: principal.sandboxId, ref: body, times }));
      return { leaseExpiresInMs: taken.leaseExpiresInMs };
    },
    uncounted,
  );

  mount(
    app,
    routes.heartbeat,
    async ({ params, body, principal }) =>
      unwrap(await heartbeat({ sandboxId: principal.sandboxId, sessionId: params.id, heartbeat: body, times })),
    uncounted,
  );

  mount(
    app,
    routes.permit,
    async ({ params, body, principal }) => {
      await assertOwnSession(db, params.id, principal);
      const { stepIndex, workerBootId, ...ref } = body;
      const permit = await db.tx(async (tx) =>
        unwrap(await grantPermit(tx, { sandboxId: principal.sandboxId, ref, stepIndex, workerBootId, times })),
      );
      return { granted: true as const, ...permit };
    },
    uncounted,
  );

  mount(
    app,
    routes.sessionEvents,
    async ({ params, body, principal }) => {
      await assertOwnSession(db, params.id, principal);
      return db.tx((tx) => recordEvents(tx, { sandboxId: principal.sandboxId, events: body.events, times }));
    },
    { ...uncounted, bodyLimitBytes: eventsLimitBytes },
  );

  app.register(async (raw) => artifactRoute(raw, context));
}

async function openWithAttempts(tx: Tx, inputs: readonly SessionOpening[]) {
  const sessions = await openSessions(tx, inputs);
  const attempts = await assignmentsOfMany(
    tx,
    inputs.map((one) => one.sandboxId),
  );
  return sessions.map((session) => ({
    session,
    attempts: attempts.filter((attempt) => attempt.sandboxId === session.sandboxId),
  }));
}

/** Its body is the file itself, so this route alone takes any content type. */
function artifactRoute(app: FastifyInstance, { db }: ApiContext): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", { parseAs: "buffer", bodyLimit: artifactLimitBytes }, (_request, bytes, done) =>
    done(null, bytes),
  );
  mount(
    app,
    routes.putArtifact,
    async ({ params, principal, request }) => {
      await assertOwnSession(db, params.id, principal);
      const { taskId, fence, name } = params;
      const content = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
      const contentType = request.headers["content-type"] ?? "application/octet-stream";
      if (contentType.length > 200)
        throw new UserError("bad_request", "The content type is longer than 200 characters.");
      const stored = unwrap(
        await storeArtifact(db, { sandboxId: principal.sandboxId, taskId, fence, name, contentType, content }),
      );
      return { id: stored.id, sha256: stored.sha256 };
    },
    { ...uncounted, bodyLimitBytes: artifactLimitBytes },
  );
}

async function assertOwnSession(sql: Sql, sessionId: string, principal: SandboxPrincipal): Promise<void> {
  const session = await liveSession(sql, sessionId);
  if (session?.sandboxId === principal.sandboxId) return;
  throw new UserError("conflict", "This session is closed or was replaced by a newer one. Open a session again.");
}

function commonWire(theirs: { min: number; max: number }): number {
  const version = Math.min(theirs.max, sessionWire.max);
  if (version >= theirs.min && version >= sessionWire.min) return version;
  throw new UserError(
    "conflict",
    `This API speaks session versions ${sessionWire.min} to ${sessionWire.max}, the sandbox worker ${theirs.min} to ${theirs.max}.`,
  );
}
