/** `example.com` covers itself and its subdomains. An empty list allows every domain. */
export function isAllowedDomain(hostname: string, allowedDomains: readonly string[]): boolean {
  const host = hostname.toLowerCase().replace(/\.$/, "");
  return (
    allowedDomains.length === 0 ||
    allowedDomains.some((entry) => {
      const domain = entry.toLowerCase().replace(/^\*\./, "").replace(/:\d+$/, "");
      return host === domain || host.endsWith(`.${domain}`);
    })
  );
}
