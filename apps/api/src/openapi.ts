import swagger from "@fastify/swagger";
import swaggerUi from "@fastify/swagger-ui";
import type { FastifyInstance } from "fastify";
import { errorEnvelopeSchema } from "@valet/contracts";
import { jsonSchemaTransform } from "fastify-type-provider-zod";

/** OpenAPI 3.1 made from the route table's schemas. Register before the routes; `/docs` renders it. */
export async function installOpenApi(app: FastifyInstance, version: string): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: "3.1.0",
      info: {
        title: "VALET API",
        version,
        description: "Submit browser tasks, watch them live, and roll new versions out to the fleet that runs them.",
        license: { name: "Apache-2.0", identifier: "Apache-2.0" },
      },
      components: {
        securitySchemes: {
          apiToken: { type: "http", scheme: "bearer", description: "An API token or a session" },
          session: { type: "apiKey", in: "cookie", name: "valet_session" },
          sandboxToken: { type: "http", scheme: "bearer", description: "A sandbox's own token" },
          webhookSignature: { type: "apiKey", in: "header", name: "X-GH-Webhook-Signature" },
        },
      },
    },
    transform: describeRoute,
  });
  await app.register(swaggerUi, {
    routePrefix: "/docs",
    staticCSP: true,
    // Plain HTTP on loopback must not be sent to HTTPS.
    transformStaticCSP: (header) => header.replace(/\s*upgrade-insecure-requests;?/, ""),
    uiConfig: { url: "/api/v1/openapi.json", persistAuthorization: false },
  });
  app.get("/api/v1/openapi.json", { schema: { hide: true } }, async (_request, reply) =>
    reply.type("application/json").serializer(JSON.stringify).send(app.swagger()),
  );
}

/** Adds what every route has, the error envelope, and the body of those that take raw bytes. */
const describeRoute: typeof jsonSchemaTransform = (document) => {
  if (!document.schema || document.schema.hide) return jsonSchemaTransform(document);
  const rawBody = document.route.config?.rawBody;
  const response = { ...(document.schema.response as Record<string, unknown>), "4xx": errorEnvelopeSchema };
  const schema = { ...document.schema, response, ...(rawBody ? { body: rawBody } : {}) };
  return jsonSchemaTransform({ ...document, schema });
};
