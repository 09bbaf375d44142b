import { routes } from "@valet/contracts";
import { storeRelayAnswers } from "@valet/db";
import type { FastifyInstance } from "fastify";
import type { ApiContext } from "../context.ts";
import { goneSignal } from "../gone-signal.ts";
import { mount } from "../mount.ts";

/** Answers carry a whole `/health`, up to what the driver reads at most. */
const answersLimitBytes = 5_000_000;

/**
 * What agents dial in for. The API passes signed requests and signed answers on: it holds no key of theirs, so it can neither
 * make a command up nor an answer.
 */
export function agentRelayRoutes(app: FastifyInstance, { db, relayBoard, stopping }: ApiContext): void {
  mount(
    app,
    routes.agentCommands,
    async ({ query, principal, reply }) => ({
      commands: await relayBoard.wait({
        sandboxId: principal.sandboxId,
        waitMs: query.waitMs,
        signal: AbortSignal.any([stopping, goneSignal(reply)]),
      }),
    }),
    { uncounted: true },
  );

  mount(
    app,
    routes.agentAnswers,
    async ({ body, principal }) => {
      const answers = body.answers.map(({ id, ...answer }) => ({ id, answer }));
      return { taken: await storeRelayAnswers(db, principal.sandboxId, answers) };
    },
    { uncounted: true, bodyLimitBytes: answersLimitBytes },
  );
}
