import { describe, expect, test } from "vitest";
import { ApiError, makeApiClient, urlOf } from "./client.ts";
import { routes } from "./routes.ts";

const answering = (status: number, body: unknown, headers: Record<string, string> = {}) => {
  const seen: { url: string; init: RequestInit | undefined }[] = [];
  const send: typeof fetch = async (url, init) => {
    seen.push({ url: String(url), init });
    return new Response(typeof body === "string" ? body : JSON.stringify(body), { status, headers });
  };
  return { send, seen };
};

describe("makeApiClient", () => {
  test("fills in path and query and sends the token", async () => {
    const { send, seen } = answering(200, { autoDeployStaging: true, autoDeployProd: false });
    const api = makeApiClient({ baseUrl: "http://api", token: "t", fetch: send });
    expect(await api.getDeployConfig()).toEqual({ autoDeployStaging: true, autoDeployProd: false });
    expect(seen[0]?.url).toBe("http://api/api/v1/admin/deploys/config");
    expect(seen[0]?.init?.headers).toMatchObject({ authorization: "Bearer t" });
    const id = "2b1f6a8e-6d1c-4c9a-9c55-9a1f6a8e6d1c";
    expect(urlOf(routes.getTask, { params: { id } })).toBe(`/api/v1/tasks/${id}`);
    expect(urlOf(routes.listTasks, { query: { page: 2, search: undefined } })).toBe("/api/v1/tasks?page=2");
  });

  test("a refusal is an ApiError with the envelope's code, details and Retry-After", async () => {
    const envelope = { error: "unavailable", message: "the database is away", requestId: "r1" };
    const { send } = answering(503, envelope, { "retry-after": "5" });
    const failure = makeApiClient({ baseUrl: "", fetch: send }).health();
    await expect(failure).rejects.toMatchObject({ httpStatus: 503, apiCode: "unavailable", retryAfterSeconds: 5 });
    await expect(failure).rejects.toBeInstanceOf(ApiError);
  });

  test("an answer that is not ours keeps its status and text", async () => {
    const { send } = answering(502, "<html>bad gateway</html>");
    const failure = makeApiClient({ baseUrl: "", fetch: send }).health();
    await expect(failure).rejects.toMatchObject({ httpStatus: 502, apiCode: "http_error" });
  });
});
