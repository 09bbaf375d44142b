import type { DeployState } from "@valet/shared";
import { type DeployView, deployViewSchema } from "@valet/contracts";
import type { Stack } from "../local-stack/stack.ts";
import { waitFor } from "../local-stack/wait-for.ts";
import type { Narrator } from "./narrator.ts";

const ends: readonly DeployState[] = [
  "completed",
  "failed",
  "aborted",
  "superseded",
  "rolled_back",
  "rollback_paused",
  "paused",
];

/** Tells each change of a deploy until it ends (or pauses), and returns it as it then is. */
export async function followDeploy(
  stack: Stack,
  deployId: string,
  narrator: Narrator,
  deadlineMs = 240_000,
): Promise<DeployView> {
  const told = new Map<string, string>();
  const tell = (key: string, line: string) => {
    if (told.get(key) === line) return;
    told.set(key, line);
    narrator.say(line);
  };
  const giveUpAt = performance.now() + deadlineMs;
  return waitFor(
    `deploy ${deployId} to end`,
    async () => {
      const deploy = deployViewSchema.parse(await stack.call("GET", `/api/v1/admin/deploys/${deployId}`));
      for (const host of deploy.hosts) {
        if (host.step === "pending") continue;
        tell(
          host.sandboxId,
          `  ${host.sandboxName}: ${host.step.replaceAll("_", " ")}${host.reason ? `: ${host.reason}` : ""}`,
        );
      }
      if (deploy.progress.phase !== "ended") tell("progress", `  ${deploy.progress.text}`);
      if (deploy.analysis) {
        const { look, looksTotal, verdict, reason } = deploy.analysis;
        tell("analysis", `  analysis, look ${look} of ${looksTotal}: ${verdict}. ${reason}`);
      }
      tell(
        "deploy",
        `deploy of ${deploy.imageTag}: ${deploy.state.replaceAll("_", " ")}${deploy.stateReason ? ` (${deploy.stateReason})` : ""}`,
      );
      return ends.includes(deploy.state) || performance.now() > giveUpAt ? deploy : undefined;
    },
    { deadlineMs: deadlineMs + 15_000, everyMs: 250 },
  );
}
