import { routes, type RouteName } from "@valet/contracts";
import type { FixtureApi, FixtureReply } from "./fixture-api.ts";

/** The pretended API behind `fetch` itself: no server, no port. What it was asked is kept in `asked`. */
export function makeFixtureFetch(api: FixtureApi): typeof fetch & { asked: string[] } {
  const asked: string[] = [];
  const answer = async (input: RequestInfo | URL, init?: RequestInit): Promise<Response> => {
    const request = input instanceof Request ? input : null;
    const url = new URL(request?.url ?? String(input), "http://fixture");
    const method = init?.method ?? request?.method ?? "GET";
    asked.push(`${method} ${url.pathname}${url.search}`);
    const hit = findRoute(method, url.pathname);
    const body = init?.body ?? (await request?.text());
    const reply = hit && (await api(hit.name, hit.params, url.searchParams, typeof body === "string" ? body : ""));
    init?.signal?.throwIfAborted();
    return responseOf(reply);
  };
  return Object.assign(answer, { asked });
}

/** The route of the contracts that a request means. Fixed paths win over ones with parameters. */
function findRoute(method: string, path: string): { name: RouteName; params: Record<string, string> } | null {
  const names = (Object.keys(routes) as RouteName[]).sort(
    (a, b) => routes[a].path.split(":").length - routes[b].path.split(":").length,
  );
  for (const name of names) {
    const route = routes[name];
    if (route.method !== method) continue;
    const match = new RegExp(`^${route.path.replace(/:([A-Za-z]+)/g, "(?<$1>[^/]+)")}$`).exec(path);
    if (match) return { name, params: { ...match.groups } };
  }
  return null;
}

function responseOf(reply: FixtureReply | null): Response {
  if (reply === null) {
    const missing = { error: "not_found", message: "There is no such thing", requestId: "fixture" };
    return Response.json(missing, { status: 404 });
  }
  if ("json" in reply) return Response.json(reply.json, { status: reply.status });
  if ("bytes" in reply) {
    return new Response(new Uint8Array(reply.bytes), { headers: { "content-type": reply.contentType } });
  }
  const text = reply.stream
    .map((event, index) => `id: ${index + 1}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`)
    .join("");
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(new TextEncoder().encode(text));
      if (reply.ends) controller.close();
    },
  });
  return new Response(body, { headers: { "content-type": "text/event-stream" } });
}
