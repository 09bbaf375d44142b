import { once } from "node:events";
import { request, type IncomingMessage } from "node:http";
import { connect } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { makeNetworkGuard } from "./network-guard.ts";
import { startSlotProxy, type SlotProxy } from "./slot-proxy.ts";

const proxies: SlotProxy[] = [];
afterEach(() => proxies.splice(0).forEach((proxy) => proxy.close()));

async function proxyOf(allowedDomains: readonly string[] = []): Promise<SlotProxy> {
  const guard = makeNetworkGuard({
    allowedPrivateHosts: [],
    nowMs: () => 0,
    resolve: () => Promise.reject(new Error("no such name")),
  });
  const proxy = await startSlotProxy(guard);
  proxy.setPolicy({ allowedDomains, pass: () => Promise.resolve() });
  proxies.push(proxy);
  return proxy;
}

/** What a browser sends when a page is opened in clear. */
async function navigate(proxy: SlotProxy, url: string): Promise<string> {
  const sent = request(proxy.url, { path: url, headers: { "upgrade-insecure-requests": "1" }, agent: false });
  sent.end();
  return Promise.race([
    once(sent, "response").then(([answer]) => String((answer as IncomingMessage).statusCode)),
    once(sent, "error").then(() => "refused"),
  ]).catch(() => "refused");
}

/** What a browser sends for its own ends: a tunnel to somewhere. */
async function tunnel(proxy: SlotProxy, authority: string): Promise<void> {
  const socket = connect(Number(new URL(proxy.url).port), "127.0.0.1");
  socket.on("error", () => socket.destroy());
  socket.end(`CONNECT ${authority} HTTP/1.1\r\nhost: ${authority}\r\n\r\n`);
  socket.resume();
  await once(socket, "close");
}

describe("which refusal is behind a failed step", () => {
  it("is the one of the host that was asked for, whatever else the browser tried meanwhile", async () => {
    const proxy = await proxyOf();
    expect(await navigate(proxy, "http://10.255.255.1/")).toBe("refused");
    await tunnel(proxy, "updates.example:443");
    expect(proxy.blockedFor("10.255.255.1")?.code).toBe("private_address");
    expect(proxy.blockedFor("updates.example")?.code).toBe("unknown_host");
  });

  it("is the one of where a redirect led", async () => {
    const proxy = await proxyOf();
    await navigate(proxy, "http://169.254.169.254/latest/");
    await tunnel(proxy, "updates.example:443");
    expect(proxy.blockedFor("shop.example")?.code).toBe("private_address");
    const secure = await proxyOf(["shop.example"]);
    await tunnel(secure, "elsewhere.example:443");
    expect(secure.blockedFor("shop.example")?.code).toBe("domain_not_allowed");
  });

  it("is none when only the browser's own wishes were refused, nor one of an earlier step", async () => {
    const proxy = await proxyOf();
    await tunnel(proxy, "updates.example:443");
    expect(proxy.blockedFor("shop.example")).toBeUndefined();
    await navigate(proxy, "http://10.0.0.1/");
    proxy.forgetBlocked();
    expect(proxy.blockedFor("10.0.0.1")).toBeUndefined();
  });
});
