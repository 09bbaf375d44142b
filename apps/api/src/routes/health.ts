import { type healthSchema, routes } from "@valet/contracts";
import type { FastifyInstance } from "fastify";
import type { z } from "zod";
import type { ApiContext } from "../context.ts";
import { isDatabaseAway } from "../error-translator.ts";
import { mount } from "../mount.ts";

type Health = z.infer<typeof healthSchema>;
const databaseDeadlineMs = 3_000;

/** GET /api/v1/health, without login: 200 only when the database answers (503 otherwise, with the same body). */
export function healthRoutes(app: FastifyInstance, { db, config, redis, clock }: ApiContext): void {
  mount(
    app,
    routes.health,
    async ({ request, reply }) => {
      const database = await answersInTime(async () => {
        await db.query("SELECT 1");
      }).catch((cause: unknown) => {
        if (!isDatabaseAway(cause)) request.log.error({ event: "health_failed", err: cause }, "health query failed");
        return false;
      });
      if (!database) reply.code(503).header("retry-after", "2");
      const answer: Health = {
        status: database ? "ok" : "degraded",
        service: "valet-api",
        version: config.VALET_VERSION,
        environment: config.VALET_ENVIRONMENT,
        dependencies: {
          database: database ? "ok" : "down",
          redis: redis === null ? "disabled" : redis.isUp() ? "ok" : "down",
        },
        uptimeSeconds: Math.round(process.uptime()),
        timestamp: new Date(clock.now()).toISOString(),
      };
      return answer;
    },
    { uncounted: true },
  );
}

async function answersInTime(work: () => Promise<void>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), databaseDeadlineMs);
  });
  try {
    return await Promise.race([work().then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}
