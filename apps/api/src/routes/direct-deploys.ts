import { type DirectDeploy, routes } from "@valet/contracts";
import { appendAudit, type DirectHostRecord, recordDirectDeploy, sandboxesByAddress, type Tx } from "@valet/db";
import { UserError } from "@valet/shared";
import type { FastifyInstance } from "fastify";
import type { ApiContext } from "../context.ts";
import { mount } from "../mount.ts";
import { actorOf } from "../principal.ts";
import { loadDeployView } from "../views/deploy-view.ts";

const journalLimitBytes = 10_485_760;

/** Takes the journal of a deploy that `valet … --direct` ran while this API was down, once it has ended. */
export function directDeployRoutes(app: FastifyInstance, { db, clock }: ApiContext): void {
  mount(
    app,
    routes.recordDirectDeploy,
    async ({ body, principal, reply }) => {
      assertPast(body, clock.now());
      const recorded = await db.tx(async (tx) => {
        const hosts = await hostsOf(tx, body);
        const ranBy = `direct: ${body.actor}`;
        const decisions = body.decisions.map(({ at, summary, data }) => ({
          at: new Date(at),
          actor: ranBy,
          summary,
          data,
        }));
        const done = await recordDirectDeploy(tx, {
          ...body,
          createdBy: ranBy,
          createdAt: new Date(body.createdAt),
          startedAt: dateOf(body.startedAt),
          endedAt: new Date(body.endedAt),
          hosts: hosts.known,
          decisions,
        });
        const notes = [...done.notes, ...hosts.notes];
        if (done.isNew) {
          const data = {
            ranBy: body.actor,
            imageTag: body.imageTag,
            imageDigest: body.imageDigest,
            state: body.state,
            notes,
          };
          await appendAudit(tx, { actor: actorOf(principal), action: "deploy.direct", subject: body.id, data });
        }
        return { ...done, notes };
      });
      if (!recorded.isNew) reply.code(200);
      const deploy = await loadDeployView(db, body.id, clock.now());
      if (!deploy) throw new Error(`deploy ${body.id} vanished while it was recorded`);
      return { deploy, updatedSandboxIds: recorded.updatedSandboxIds, notes: recorded.notes };
    },
    { bodyLimitBytes: journalLimitBytes },
  );
}

/** The sandboxes that the journal speaks of, by id or by address; one that is not known here is noted, not guessed at. */
async function hostsOf(tx: Tx, body: DirectDeploy): Promise<{ known: DirectHostRecord[]; notes: string[] }> {
  const rows = await sandboxesByAddress(tx, body.environment);
  const known = new Map<string, DirectHostRecord>();
  const notes: string[] = [];
  for (const { sandboxId, address, agentPort, ...host } of body.hosts) {
    const byId = rows.find((row) => row.id === sandboxId);
    const row = byId ?? rows.find((one) => one.publicIp === address && one.agentPort === agentPort);
    if (!row || (sandboxId !== null && !byId)) {
      notes.push(`${address}:${agentPort} is no sandbox of ${body.environment}: left out`);
      continue;
    }
    known.set(row.id, {
      ...host,
      sandboxId: row.id,
      startedAt: dateOf(host.startedAt),
      endedAt: dateOf(host.endedAt),
    });
  }
  if (known.size === 0 && body.hosts.length > 0) {
    throw new UserError(
      "conflict",
      `None of its hosts is a sandbox of ${body.environment} here: is this the right API?`,
    );
  }
  return { known: [...known.values()], notes };
}

/** A journal from the future would hide every later deploy. */
function assertPast(body: DirectDeploy, now: number): void {
  const aheadMs = Date.parse(body.endedAt) - now;
  if (aheadMs <= 300_000) return;
  const message = `is ${Math.round(aheadMs / 1000)} s ahead: check the clock of the machine that ran it`;
  throw new UserError("validation", `endedAt: ${message}`, [{ field: "endedAt", message, code: "custom" }]);
}

const dateOf = (text: string | null): Date | null => (text === null ? null : new Date(text));
