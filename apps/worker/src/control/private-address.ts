import { lookup as systemLookup } from "node:dns";
import { isIP } from "node:net";
import type { LookupFunction } from "node:net";
import { isPrivateAddress } from "@valet/contracts/node";

/** A host name that resolved to an address we do not talk to. */
export class PrivateAddressError extends Error {
  override readonly name = "PrivateAddressError";
}

/** Resolves as the system does and refuses private answers: checked on the very address that is connected to. */
export const publicLookup: LookupFunction = (hostname, options, callback) => {
  systemLookup(hostname, { ...options, all: true }, (error, addresses) => {
    if (error) return callback(error, "");
    const bad = addresses.find(({ address }) => isPrivateAddress(address));
    if (bad) return callback(new PrivateAddressError(`${hostname} is at the private address ${bad.address}`), "");
    if (options.all) return callback(null, addresses);
    const [first] = addresses;
    return callback(null, first?.address ?? "", first?.family ?? 4);
  });
};

/** Whether `url` may be called at all; literal addresses are not looked up, so they are checked here. */
export function refusalOf(url: URL, allowedPrivateHosts: ReadonlySet<string>): string | null {
  if (url.protocol !== "http:" && url.protocol !== "https:") return `${url.protocol} is not http or https`;
  if (isAllowed(url, allowedPrivateHosts)) return null;
  const host = url.hostname.replace(/^\[|\]$/g, "");
  return isIP(host) !== 0 && isPrivateAddress(host) ? `${host} is a private address` : null;
}

/** The operator named this host (or host:port) in VALET_ALLOWED_PRIVATE_HOSTS. */
export function isAllowed(url: URL, allowedPrivateHosts: ReadonlySet<string>): boolean {
  return allowedPrivateHosts.has(url.host) || allowedPrivateHosts.has(url.hostname);
}
