import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { makeSite } from "./site.ts";
import { readSiteConfig } from "./config.ts";
import { openSubmissionLog } from "./submission-log.ts";

async function main(): Promise<void> {
  const config = readSiteConfig();
  const log = await openSubmissionLog(config.log);
  const server = makeSite(log).listen(config.port, config.host);
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  process.stdout.write(`${JSON.stringify({ event: "site_listening", host: config.host, port })}\n`);
  const stop = () => {
    server.closeAllConnections();
    server.close(() => process.exit(0));
  };
  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
}

main().catch((error: unknown) => {
  process.stderr.write(`the demo site: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
});
