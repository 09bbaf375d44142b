/** A client of the GHOST-HANDS api with the service key. Answers outside 2xx throw, with status and body. */
export interface GhClient {
  get(path: string): Promise<unknown>;
  post(path: string, body: unknown): Promise<unknown>;
  /** The plain answer, whatever its status. */
  raw(path: string, init?: RequestInit): Promise<Response>;
}

export function makeClient(base: () => string, serviceKey: string): GhClient {
  const raw = (path: string, init: RequestInit = {}) =>
    fetch(`${base()}${path}`, {
      signal: AbortSignal.timeout(40_000),
      ...init,
      headers: { "x-gh-service-key": serviceKey, "content-type": "application/json", ...init.headers },
    });
  const parsed = async (path: string, init?: RequestInit): Promise<unknown> => {
    const response = await raw(path, init);
    const text = await response.text();
    if (!response.ok) throw new Error(`${init?.method ?? "GET"} ${path}: ${response.status} ${text}`);
    return JSON.parse(text);
  };
  return {
    raw,
    get: (path) => parsed(path),
    post: (path, body) => parsed(path, { method: "POST", body: JSON.stringify(body) }),
  };
}
