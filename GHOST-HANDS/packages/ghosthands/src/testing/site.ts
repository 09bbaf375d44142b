import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface SiteRequest {
  method: string;
  path: string;
  body: string;
  atMs: number;
}

/** A small site that remembers every request: what a browser really did. */
export interface TestSite {
  readonly host: string;
  readonly url: string;
  requests(path: string, method?: string): SiteRequest[];
  close(): Promise<void>;
}

const page = (body: string) => `<!doctype html><meta charset="utf-8"><title>Test site</title><body>${body}</body>`;

const pages: Record<string, string> = {
  "/": page(`<h1>Welcome</h1><p class="item" data-id="1">One</p><p class="item" data-id="2">Two</p>`),
  "/form": page(`<h1>Application</h1>
    <form method="post" action="/submit">
      <input id="name" name="name"><select id="country" name="country"><option value="de">Germany</option><option value="fr">France</option></select>
      <input id="file" type="file"><output id="size"></output><input id="search"><output id="typed"></output>
      <button id="send">Send</button></form>
    <script>
      document.querySelector("#file").onchange = (e) => { document.querySelector("#size").textContent = e.target.files[0].name + " " + e.target.files[0].size; };
      document.querySelector("#search").onkeydown = (e) => { if (e.key === "Enter") { e.preventDefault(); document.querySelector("#typed").textContent = "entered"; } };
    </script>`),
  /** Clicks by itself, for as long as it lives: shows whether a browser really stands still. */
  "/ticking": page(`<h1>Ticking</h1><script>setInterval(() => fetch("/tick", { method: "POST" }), 50);</script>`),
  "/late": page(`<h1>Late</h1><script>
      setTimeout(() => { document.body.innerHTML += '<form method="post" action="/submit"><button id="send">Send</button></form>'; }, 300);
    </script>`),
};

export async function startSite(): Promise<TestSite> {
  const seen: SiteRequest[] = [];
  const server = createServer((request, response) => {
    void handle(request, response, seen);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    host: `127.0.0.1:${port}`,
    url: `http://127.0.0.1:${port}`,
    requests: (path, method = "POST") => seen.filter((one) => one.path === path && one.method === method),
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

async function handle(request: IncomingMessage, response: ServerResponse, seen: SiteRequest[]): Promise<void> {
  const url = new URL(request.url ?? "/", "http://site");
  let body = "";
  for await (const chunk of request) body += String(chunk);
  seen.push({ method: request.method ?? "", path: url.pathname, body, atMs: Date.now() });
  if (url.pathname === "/submit" && request.method === "POST")
    return respond(response, page(`<h1>Thank you</h1><p id="confirmation">C-${seen.length}</p>`));
  if (url.pathname === "/tick") return respond(response, "");
  if (url.pathname === "/redirect") {
    response.writeHead(302, { location: url.searchParams.get("to") ?? "/" }).end();
    return;
  }
  const found = pages[url.pathname];
  if (found === undefined) return void response.writeHead(404).end();
  respond(response, found);
}

function respond(response: ServerResponse, html: string): void {
  response.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end(html);
}
