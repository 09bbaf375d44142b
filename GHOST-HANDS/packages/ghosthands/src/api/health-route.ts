import { createRoute, type OpenAPIHono } from "@hono/zod-openapi";
import { ghHealthSchema } from "@valet/contracts";
import type { ApiDeps } from "./app.ts";

const route = createRoute({
  method: "get",
  path: "/health",
  responses: { 200: { description: "Alive", content: { "application/json": { schema: ghHealthSchema } } } },
});

/** GET /health: the only path without a service key. */
export function addHealthRoute(app: OpenAPIHono, deps: ApiDeps): void {
  app.openapi(route, (c) =>
    c.json(
      {
        status: "ok" as const,
        service: "ghosthands" as const,
        version: deps.version,
        timestamp: new Date(deps.clock.wallMs()).toISOString(),
        generation: deps.generation,
        image_digest: deps.imageDigest,
      },
      200,
    ),
  );
}
