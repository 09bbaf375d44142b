import type { DeployDocument } from "@valet/rollout";
import type { DeployActionName, DeployState } from "@valet/shared";
import type { DeployCreateFlags } from "../commands/deploys.ts";
import type { CliContext } from "../context.ts";
import { isEnded } from "../deploys/deploy-changes.ts";
import { CliFailure, type ExitCode, exitCodes, usageFailure } from "../failure.ts";
import { plainText } from "../plain-text.ts";
import { shorten } from "../short-ids.ts";
import { apiAnswers, askFleet } from "./ask-api.ts";
import { type ProbedHost, beginJournal } from "./begin-journal.ts";
import { makeDirectDriver } from "./direct-driver.ts";
import { discoverHosts } from "./discover.ts";
import { type DirectJournal, journalFolder } from "./journal-file.ts";
import { type OperatorKeys, readKeysFile } from "./keys-file.ts";
import { runJournal } from "./run-journal.ts";
import { tryUpload } from "./upload.ts";

/**
 * A deploy without the API, for the day it is down: the same reconciler in this process, straight to the agents, with a journal on disk
 * that the API takes once it is back. Begins anew, or goes on with the one of this tag that was interrupted.
 */
export async function directDeploy(context: CliContext, imageTag: string, flags: DeployCreateFlags): Promise<ExitCode> {
  if (flags.service !== undefined && flags.service !== "ghosthands") {
    throw usageFailure(`--direct cannot deploy ${flags.service}`, "Past the API only ghosthands is deployed.");
  }
  const keys = readKeysFile(context, flags.keysFile);
  const isApiUp = await apiAnswers(context);
  if (isApiUp && !flags.forceDirect) {
    throw usageFailure(
      `The API at ${context.config().apiUrl} answers: deploy through it`,
      "Leave out --direct. Only when its control worker is gone for good, add --force-direct.",
    );
  }
  const folder = journalFolder(context.io.folder);
  const open = folder.list().find(({ document }) => !isEnded(document) && document.environment === flags.environment);
  if (open && open.document.imageTag !== imageTag) {
    const { id, imageTag: other, state } = open.document;
    throw new CliFailure(`The direct deploy ${shorten(id)} of ${other} is ${state} here`, {
      code: "conflict",
      hint: `Go on with it: valet direct resume ${shorten(id)}; or stop it: valet direct abort ${shorten(id)}.`,
    });
  }
  const journal = open ?? (await begin(context, imageTag, flags, keys, isApiUp));
  if (open) context.say(`Going on with ${shorten(open.document.id)}, which was interrupted.`);
  else folder.write(journal);
  return takeForward(context, journal.document.id, keys);
}

/** `resume`, `abort` or `rollback` of a direct deploy that was interrupted or waits for a person. */
export async function continueDirect(
  context: CliContext,
  given: string,
  flags: { keysFile?: string; reason?: string },
  action: Extract<DeployActionName, "resume" | "abort" | "rollback">,
): Promise<ExitCode> {
  const keys = readKeysFile(context, flags.keysFile);
  const folder = journalFolder(context.io.folder);
  const found = folder.list().filter(({ document }) => document.id.startsWith(given));
  const [journal] = found;
  if (!journal || found.length > 1) {
    throw usageFailure(`${given} is the beginning of ${found.length} direct deploys here`, "See valet direct list.");
  }
  const { document } = journal;
  const is = `The direct deploy ${shorten(document.id)} is ${document.state}`;
  if (isEnded(document) && action === "rollback" && document.state !== "failed") {
    const to = document.state === "completed" ? document.previousTag : null;
    const back = `valet deploys create ${to ?? ""} --environment ${document.environment} --direct`;
    throw new CliFailure(`${is}: it is not taken back, the release before it is deployed`, {
      code: "conflict",
      hint: to === null ? "There is no release before it that is known here." : `Go back to ${to}: ${back}`,
    });
  }
  if (isEnded(document) && action !== "rollback") throw usageFailure(is, "Nothing is left to do.");
  const isInterrupted = action === "resume" && document.state !== "paused" && document.state !== "rollback_paused";
  if (!isInterrupted) {
    const request = { kind: action, actor: journal.actor, reason: flags.reason ?? "", toDigest: null, toTag: null };
    folder.write({ ...journal, document: { ...document, request, revision: document.revision + 1 } });
  }
  return takeForward(context, document.id, keys, wantedEnd[action]);
}

/** What the operator asked for when they said so. */
const wantedEnd = { resume: "completed", abort: "aborted", rollback: "rolled_back" } as const;

async function begin(
  context: CliContext,
  imageTag: string,
  flags: DeployCreateFlags,
  keys: OperatorKeys,
  isApiUp: boolean,
): Promise<DirectJournal> {
  const found = await discoverHosts(context, keys, flags, async () =>
    isApiUp ? askFleet(context, flags.environment) : null,
  );
  const named = found.hosts.map((host) => ({ ...host, key: host.sandboxId ?? `${host.address}:${host.agentPort}` }));
  const keyless = named.filter((host) => !keys.agentKeyOf(host));
  if (keyless.length > 0) {
    const names = keyless.map(({ name }) => name).join(", ");
    throw usageFailure(
      `The keys file has no agent key of ${names}`,
      "Add it: VALET_AGENT_KEY of the host's identity.env.",
    );
  }
  const driver = makeDirectDriver(named, keys, context.io.clock);
  const hosts = await Promise.all(
    named.map(async (host): Promise<ProbedHost> => {
      const seen = await driver.observe(host.key, context.signal());
      if (!seen.ok) return { ...host, health: null, why: seen.error.message };
      const { sandboxId } = seen.value;
      if (host.sandboxId !== null && sandboxId !== undefined && sandboxId !== host.sandboxId) {
        throw new CliFailure(`${host.name} (${host.address}) says that it is sandbox ${sandboxId}`, {
          code: "wrong_host",
          hint: "Correct the hosts: nothing was changed anywhere.",
        });
      }
      return { ...host, sandboxId: sandboxId ?? host.sandboxId, health: seen.value, why: "" };
    }),
  );
  context.say(`${hosts.length} hosts, from ${found.source}:`);
  for (const host of hosts) context.say(`  ${plainText(probedText(host))}`);
  if (hosts.every(({ health }) => health === null)) {
    throw new CliFailure(`None of the ${hosts.length} hosts answers`, {
      code: "no_hosts",
      hint: "Nothing was changed. Check the addresses, the keys and the way to port 8000.",
    });
  }
  return beginJournal(imageTag, flags, found, hosts, context.io.clock.now());
}

function probedText({ name, address, agentPort, health, why }: ProbedHost): string {
  const where = `${name} ${address}:${agentPort}`;
  if (!health) return `${where}  away, it converges when the API and it are back (${why})`;
  return `${where}  runs ${health.imageTag ?? "nothing"}, ${health.activeWorkers ?? "an unknown number of"} tasks`;
}

async function takeForward(
  context: CliContext,
  id: string,
  keys: OperatorKeys,
  wanted: DeployState = "completed",
): Promise<ExitCode> {
  const folder = journalFolder(context.io.folder);
  const document = await runJournal(context, folder, id, keys);
  const text = context.json ? JSON.stringify(endDocument(document, folder.pathOf(id))) : endText(document);
  context.io.stdout.write(`${text}\n`);
  if (isEnded(document) && (await apiAnswers(context))) await tryUpload(context);
  else if (isEnded(document)) {
    context.say(
      "The API does not answer yet. It takes the journal with the next command that reaches it, or: valet direct upload",
    );
  }
  return document.state === wanted ? exitCodes.done : exitCodes.failed;
}

const endDocument = ({ id, state, stateReason, imageDigest, hosts }: DeployDocument, journal: string) => ({
  type: "ended",
  ...{ id, state, stateReason, imageDigest, journal },
  hosts: hosts.map(({ sandboxId, name, step, reason }) => ({ sandboxId, name, step, reason })),
});

function endText(document: DeployDocument): string {
  const lines = document.hosts.map(({ name, step, reason }) => `  ${name}  ${step}  ${reason}`);
  const head = `Direct deploy ${shorten(document.id)} of ${document.imageTag}: ${document.state}. ${document.stateReason}`;
  return plainLines([head, ...lines]);
}

const plainLines = (lines: readonly string[]): string => lines.map(plainText).join("\n");
