import { supersedes } from "../policy.ts";
import { advanceHost } from "./advance.ts";
import { advanceHosts } from "./at-rest.ts";
import { answered } from "./answered.ts";
import { waitFor, type Draft } from "./draft.ts";
import { giveWay } from "./give-way.ts";
import { putBack } from "./put-back.ts";

/**
 * Paused: nothing new begins and no failure is acted on. A host in the middle of its procedure arrives where that ends; a
 * cordoned or draining one is held as it is, and its drain clock stands.
 */
export function rest(draft: Draft): void {
  const { deploy, facts } = draft;
  advanceHosts(draft, (_, host, observation) => {
    if (host.step === "cordoned" || host.step === "draining") answered(draft, host, observation);
    else if (host.step === "rolling_back") putBack(draft, host, observation);
    else advanceHost(draft, host, observation);
  });
  if (deploy.state !== "paused") return;
  if (supersedes(deploy.environment) && facts.newerQueuedId !== null) giveWay(draft, facts.newerQueuedId);
  else if (deploy.engine.kind === "paused" && deploy.engine.cause === "analysis") {
    waitFor(draft, "a person: promote goes on, resume looks again from now on, abort or rollback ends it");
  } else waitFor(draft, "a person: resume, abort or rollback");
}
