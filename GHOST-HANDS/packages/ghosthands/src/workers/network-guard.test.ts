import { describe, expect, it } from "vitest";
import { makeNetworkGuard } from "./network-guard.ts";

const names: Record<string, string[]> = {
  "example.com": ["93.184.216.34"],
  "www.example.com": ["93.184.216.34"],
  "notexample.com": ["93.184.216.35"],
  "inside.example.com": ["10.1.2.3"],
  "mixed.example.com": ["93.184.216.34", "127.0.0.1"],
  "six.example.com": ["::ffff:169.254.169.254"],
  "site.test": ["127.0.0.1"],
};
const guard = makeNetworkGuard({
  allowedPrivateHosts: ["site.test:8080", "127.0.0.9"],
  nowMs: () => 0,
  resolve: async (host) => {
    const found = names[host];
    if (!found) throw new Error("ENOTFOUND");
    return found;
  },
});
const verdict = async (url: string, allowed: string[] = []) => {
  const result = await guard.check(new URL(url), allowed);
  return result.ok ? "ok" : result.error.code;
};

describe("the network guard", () => {
  it.each([
    ["https://example.com/", "ok"],
    ["data:text/html,hello", "ok"],
    ["about:blank", "ok"],
    ["file:///etc/passwd", "scheme_not_allowed"],
    ["ftp://example.com/", "scheme_not_allowed"],
    ["chrome://version/", "scheme_not_allowed"],
    ["http://169.254.169.254/latest/meta-data/", "private_address"],
    ["http://[fd00::1]/", "private_address"],
    ["http://[::1]/", "private_address"],
    ["http://[::ffff:127.0.0.1]/", "private_address"],
    ["http://2130706433/", "private_address"],
    ["http://0x7f.1/", "private_address"],
    ["http://0.0.0.0/", "private_address"],
    ["http://100.100.100.200/", "private_address"],
    ["http://192.168.1.1/", "private_address"],
    ["http://172.31.0.1/", "private_address"],
    ["http://172.32.0.1/", "ok"],
    ["ws://10.0.0.1/", "private_address"],
    ["https://inside.example.com/", "private_address"],
    ["https://mixed.example.com/", "private_address"],
    ["https://six.example.com/", "private_address"],
    ["https://nowhere.example.com/", "unknown_host"],
    ["http://site.test:8080/", "ok"],
    ["http://site.test:9090/", "private_address"],
    ["http://127.0.0.9:1234/", "ok"],
  ])("%s: %s", async (url, expected) => {
    expect(await verdict(url)).toBe(expected);
  });

  it("keeps to the task's domains and their subdomains", async () => {
    expect(await verdict("https://example.com/", ["example.com"])).toBe("ok");
    expect(await verdict("https://www.example.com/", ["example.com"])).toBe("ok");
    expect(await verdict("https://www.example.com/", ["*.example.com"])).toBe("ok");
    expect(await verdict("https://notexample.com/", ["example.com"])).toBe("domain_not_allowed");
    expect(await verdict("https://inside.example.com/", ["example.com"])).toBe("private_address");
  });
});
