import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { err, ok, type Result } from "@valet/shared";
import { isPrivateAddress } from "@valet/contracts/node";
import { isAllowedDomain } from "./allowed-domain.ts";

export interface Blocked {
  code: "scheme_not_allowed" | "domain_not_allowed" | "private_address" | "unknown_host" | "no_job";
  message: string;
}

/** Decides on every request a page makes. */
export interface NetworkGuard {
  /** The address to connect to is part of the answer: whoever connects must use it, not ask DNS again. */
  check(url: URL, allowedDomains: readonly string[]): Promise<Result<{ address: string | null }, Blocked>>;
}

const networkSchemes = new Set(["http:", "https:", "ws:", "wss:"]);
/** These never leave the browser. */
const localSchemes = new Set(["data:", "blob:", "about:"]);
const resolvedForMs = 5_000;
const maxResolved = 1_000;

export function makeNetworkGuard(config: {
  allowedPrivateHosts: readonly string[];
  nowMs: () => number;
  resolve?: (host: string) => Promise<string[]>;
}): NetworkGuard {
  const resolved = new Map<string, { addresses: string[]; untilMs: number }>();
  const resolve = config.resolve ?? (async (host) => (await lookup(host, { all: true })).map((found) => found.address));

  const addressesOf = async (host: string): Promise<string[]> => {
    if (isIP(host)) return [host];
    const known = resolved.get(host);
    if (known && known.untilMs > config.nowMs()) return known.addresses;
    const addresses = await resolve(host);
    if (resolved.size >= maxResolved) resolved.clear();
    resolved.set(host, { addresses, untilMs: config.nowMs() + resolvedForMs });
    return addresses;
  };

  return {
    async check(url, allowedDomains) {
      if (localSchemes.has(url.protocol)) return ok({ address: null });
      if (!networkSchemes.has(url.protocol))
        return err({ code: "scheme_not_allowed", message: `${url.protocol} addresses may not be opened` });
      const host = url.hostname.replace(/^\[|\]$/g, "").toLowerCase();
      if (!isAllowedDomain(host, allowedDomains))
        return err({ code: "domain_not_allowed", message: `${host} is not one of the task's allowedDomains` });
      let addresses: string[];
      try {
        addresses = await addressesOf(host);
      } catch (error) {
        return err({ code: "unknown_host", message: `${host} cannot be resolved: ${(error as Error).message}` });
      }
      const first = addresses[0];
      if (first === undefined) return err({ code: "unknown_host", message: `${host} has no address` });
      const port = url.port || (url.protocol === "https:" || url.protocol === "wss:" ? "443" : "80");
      const isListed =
        config.allowedPrivateHosts.includes(host) || config.allowedPrivateHosts.includes(`${host}:${port}`);
      if (!isListed && addresses.some(isPrivateAddress))
        return err({ code: "private_address", message: `${host} is a private or metadata address` });
      return ok({ address: first });
    },
  };
}
