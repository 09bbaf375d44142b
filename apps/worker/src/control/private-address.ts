import { lookup as systemLookup } from "node:dns";
import { BlockList, isIP } from "node:net";
import type { LookupFunction } from "node:net";

const refused = new BlockList();
const ranges4: [string, number][] = [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["224.0.0.0", 3],
];
for (const [address, prefix] of ranges4) refused.addSubnet(address, prefix, "ipv4");
const ranges6: [string, number][] = [
  ["::", 128],
  ["::1", 128],
  ["64:ff9b::", 96],
  ["fc00::", 7],
  ["fe80::", 10],
  ["ff00::", 8],
];
for (const [address, prefix] of ranges6) refused.addSubnet(address, prefix, "ipv6");

/** True for loopback, private, link-local (cloud metadata), carrier and multicast addresses, IPv4-mapped ones too. */
export function isPrivateAddress(address: string): boolean {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped) return isPrivateAddress(mapped);
  return refused.check(address, isIP(address) === 6 ? "ipv6" : "ipv4");
}

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
