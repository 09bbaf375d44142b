import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import fastifyStatic from "@fastify/static";
import { UserError } from "@valet/shared";
import type { FastifyInstance } from "fastify";

const yearSeconds = 31_536_000;

/** Serves the built dashboard: hashed assets for a year, index.html fresh, and index.html for every page of the app. */
export async function installDashboard(app: FastifyInstance, webDir: string): Promise<void> {
  const root = resolve(webDir);
  if (!existsSync(join(root, "index.html")))
    throw new Error(`VALET_WEB_DIR ${root} has no index.html: build the dashboard, or leave the variable empty`);
  await app.register(fastifyStatic, {
    root,
    wildcard: false,
    index: false,
    globIgnore: ["index.html"],
    cacheControl: false,
    setHeaders: (response, path) => {
      const isHashed = path.startsWith(join(root, "assets"));
      response.setHeader("cache-control", isHashed ? `public, max-age=${yearSeconds}, immutable` : "no-cache");
    },
  });
  app.get("/*", { schema: { hide: true }, config: { rateLimit: false } }, async (request, reply) => {
    const path = request.url.split("?")[0] ?? "/";
    const isPage = !path.startsWith("/api/") && !path.startsWith("/assets/") && !/\.[a-z0-9]{2,5}$/i.test(path);
    if (!isPage) throw new UserError("not_found", `There is no GET ${path.slice(0, 200)}.`);
    return reply.header("cache-control", "no-cache").type("text/html; charset=utf-8").sendFile("index.html");
  });
}
