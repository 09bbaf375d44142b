import { randomBytes } from "node:crypto";
import { routes } from "@valet/contracts";
import { seal } from "@valet/contracts/node";
import {
  type Tx,
  addCordon,
  appendAudit,
  createSandbox,
  getSandbox,
  listSandboxes,
  moveSandbox,
  patchSandbox,
  randomToken,
  removeCordon,
  setSealedAgentKey,
} from "@valet/db";
import { type SandboxState, UserError } from "@valet/shared";
import type { FastifyInstance } from "fastify";
import { acceptJsonSentAsForm } from "../content-types.ts";
import type { ApiContext } from "../context.ts";
import { mount } from "../mount.ts";
import { pageView } from "../pagination.ts";
import { actorOf } from "../principal.ts";
import { unwrap } from "../unwrap.ts";
import { sandboxView } from "../views/sandbox-view.ts";

/** The fleet's hosts. Every change is one transaction with its audit row. */
export function sandboxRoutes(app: FastifyInstance, context: ApiContext): void {
  const { db, config } = context;
  acceptJsonSentAsForm(app);

  mount(app, routes.listSandboxes, async ({ query }) => {
    const { status, ...rest } = query;
    const page = await listSandboxes(db, { ...rest, ...(status ? { state: status } : {}) });
    return pageView(page, query, (row) => sandboxView(row, context));
  });

  mount(app, routes.getSandbox, async ({ params }) => sandboxView(await found(db, params.id), context));

  mount(app, routes.createSandbox, async ({ body, principal }) => {
    const token = randomToken("vsb");
    const agentKey = randomBytes(32).toString("base64url");
    const row = await db.tx(async (tx) => {
      // The key is sealed under the sandbox's id, which the database gives: it follows in the same transaction.
      const created = unwrap(await createSandbox(tx, { ...body, token, sealedAgentKey: "" }));
      await setSealedAgentKey(tx, created.id, seal(config.VALET_SEAL_KEY, created.id, agentKey));
      await audit(tx, actorOf(principal), "sandbox.create", created.id, { ...body });
      return created;
    });
    return {
      ...sandboxView(row, context),
      identity: { sandboxId: row.id, token: token.reveal(), agentKey },
    };
  });

  mount(app, routes.patchSandbox, async ({ params, body, principal }) => {
    const { status, reason, ...patch } = body;
    const row = await db.tx(async (tx) => {
      if (status !== undefined) await move(tx, params.id, status, reason ?? `set by ${principal.name}`);
      if (Object.keys(patch).length > 0) unwrap(await patchSandbox(tx, params.id, patch));
      const changed = await found(tx, params.id);
      if (Object.keys(body).length > 0) await audit(tx, actorOf(principal), "sandbox.patch", params.id, body);
      return changed;
    });
    return sandboxView(row, context);
  });

  mount(app, routes.deleteSandbox, async ({ params, principal }) => {
    const row = await db.tx(async (tx) => {
      const before = await found(tx, params.id);
      if (before.activeTaskCount > 0)
        throw new UserError(
          "conflict",
          `${before.activeTaskCount} tasks hold slots of ${before.name}. Cordon it and wait until they have ended.`,
        );
      await move(tx, params.id, "terminating", `deleted by ${principal.name}`);
      await audit(tx, actorOf(principal), "sandbox.delete", params.id, { name: before.name });
      return found(tx, params.id);
    });
    return sandboxView(row, context);
  });

  mount(app, routes.cordonSandbox, async ({ params, body, principal }) => {
    const holder = { holderKind: "operator", holderId: body.holder ?? principal.name } as const;
    const row = await db.tx(async (tx) => {
      unwrap(await addCordon(tx, params.id, { ...holder, reason: body.reason }));
      await audit(tx, actorOf(principal), "sandbox.cordon", params.id, { ...holder, reason: body.reason });
      return found(tx, params.id);
    });
    return sandboxView(row, context);
  });

  mount(app, routes.uncordonSandbox, async ({ params, body, principal }) => {
    const holder = { holderKind: "operator", holderId: body.holder ?? principal.name } as const;
    const row = await db.tx(async (tx) => {
      const before = await found(tx, params.id);
      if (!(await removeCordon(tx, params.id, holder))) throw notCordonedBy(before.cordons, holder.holderId);
      await audit(tx, actorOf(principal), "sandbox.uncordon", params.id, holder);
      return found(tx, params.id);
    });
    return sandboxView(row, context);
  });
}

function notCordonedBy(cordons: readonly { holderKind: string; holderId: string }[], holderId: string): UserError {
  const others = cordons.map((cordon) => `${cordon.holderKind} ${cordon.holderId}`);
  const who = others.length > 0 ? `It is held by ${others.join(", ")}.` : "It is not cordoned at all.";
  return new UserError("conflict", `There is no cordon of operator ${holderId} to lift. ${who}`);
}

async function move(tx: Tx, id: string, to: SandboxState, reason: string): Promise<void> {
  unwrap(await moveSandbox(tx, id, { to, reason }));
}

async function found(sql: Parameters<typeof getSandbox>[0], id: string) {
  const row = await getSandbox(sql, id);
  if (!row) throw new UserError("not_found", `There is no sandbox ${id}.`);
  return row;
}

async function audit(tx: Tx, actor: string, action: string, subject: string, data: object): Promise<void> {
  await appendAudit(tx, { actor, action, subject, data: { ...data } });
}
