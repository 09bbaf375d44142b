import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { OpenAPIHono } from "@hono/zod-openapi";
import { z } from "zod";

const pathSchema = z.object({
  task: z.uuid(),
  fence: z.string().regex(/^\d{1,10}$/),
  name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,120}$/),
});
const contentTypes: Record<string, string> = { png: "image/png", json: "application/json", txt: "text/plain" };

/** GET /api/v1/gh/artifacts/:task/:fence/:name : a spooled file, straight from the folder shared with the GH worker. */
export function addArtifactRoutes(app: OpenAPIHono, deps: { dataDir: string }): void {
  app.get("/api/v1/gh/artifacts/:task/:fence/:name", async (c) => {
    const path = pathSchema.safeParse(c.req.param());
    if (!path.success) return c.json({ error: "not_found" }, 404);
    const { task, fence, name } = path.data;
    try {
      const bytes = await readFile(join(deps.dataDir, "artifacts", `${task}.${fence}`, name));
      const type = contentTypes[name.split(".").at(-1) ?? ""] ?? "application/octet-stream";
      return c.body(new Uint8Array(bytes), 200, { "content-type": type });
    } catch (error) {
      if (error instanceof Error && "code" in error && error.code === "ENOENT")
        return c.json({ error: "not_found" }, 404);
      throw error;
    }
  });
}
