import { afterAll, beforeAll, vi } from "vitest";
import { buildBundles, type Bundles } from "./bundles.ts";
import { startHost, type HostOptions, type TestHost } from "./host.ts";
import { startSite, type TestSite } from "./site.ts";

type Options = Partial<Omit<HostOptions, "bundles" | "siteHost">>;

/** A site and hosts, for one test file. */
export interface Suite {
  site(): TestSite;
  /** A host of its own, for a test that breaks it. Its end stops it. */
  withHost(options: Options, test: (host: TestHost) => Promise<void>): Promise<void>;
  /** The host that the tests of a file share. */
  host(): TestHost;
}

export function useSuite(shared?: Options): Suite {
  let bundles: Bundles;
  let site: TestSite;
  let host: TestHost | undefined;
  // Browsers start slowly on a machine that is busy otherwise.
  vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });
  const start = (options: Options) => startHost({ bundles, siteHost: site.host, ...options });
  beforeAll(async () => {
    bundles = await buildBundles();
    site = await startSite();
    if (shared) host = await start(shared);
  });
  afterAll(async () => {
    await host?.stop();
    await site?.close();
    await bundles?.remove();
  });
  return {
    site: () => site,
    host() {
      if (!host) throw new Error("this file has no shared host");
      return host;
    },
    async withHost(options, test) {
      const own = await start(options);
      try {
        await test(own);
      } finally {
        await own.stop();
      }
    },
  };
}
