import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Environment } from "@valet/shared";
import type { DeployCreateFlags } from "../commands/deploys.ts";
import type { CliContext } from "../context.ts";
import { CliFailure, usageFailure } from "../failure.ts";
import { type DirectHost, hostOfLine, hostsOfList, isPlace } from "./direct-host.ts";
import { type FleetSnapshot, readSnapshot } from "./fleet-snapshot.ts";
import type { OperatorKeys } from "./keys-file.ts";

export interface Discovered {
  hosts: DirectHost[];
  /** Where they come from, for people. */
  source: string;
  /** False: named one by one, so the rest of the environment is not meant. */
  isWhole: boolean;
  lastCompleted: { tag: string; digest: string } | null;
}

export const defaultSnapshotFile = join(".valet", "fleet-snapshot.json");

/**
 * Which hosts there are, from the first that can say: the addresses given, the API, the signed snapshot (with its age), SANDBOX_IPS,
 * EC2_IP_STG or EC2_IP_PROD. Nobody can say: it stops, for a deploy to a guessed fleet is worse than none.
 */
export async function discoverHosts(
  context: CliContext,
  keys: OperatorKeys,
  flags: DeployCreateFlags,
  askApi: () => Promise<Discovered | null>,
): Promise<Discovered> {
  const file = resolve(context.io.folder, flags.snapshot ?? defaultSnapshotFile);
  const snapshot = keys.signingKey || flags.snapshot ? readSnapshot(file, keys.signingKey) : undefined;
  const known = snapshot?.lastCompleted[flags.environment] ?? null;
  const given = givenHosts(context, flags);
  if (given) return { ...given, lastCompleted: known };
  const found = (await askApi()) ?? ofSnapshot(context, flags.environment, snapshot) ?? ofVariables(context, flags);
  if (found === null) {
    throw new CliFailure(`Nobody can say which hosts ${flags.environment} has`, {
      code: "no_hosts",
      hint: "Name them: --hosts-file FILE or --sandbox ADDRESS. While the API is up, take a snapshot: valet direct snapshot.",
    });
  }
  return pick(found, flags.sandbox);
}

function givenHosts(
  context: CliContext,
  { hostsFile, sandbox = [] }: DeployCreateFlags,
): Omit<Discovered, "lastCompleted"> | null {
  if (hostsFile !== undefined) {
    const hosts = hostsOfFile(context, hostsFile);
    return pick(
      { hosts, source: hostsFile, isWhole: true, lastCompleted: null },
      sandbox.length > 0 ? sandbox : undefined,
    );
  }
  if (sandbox.length === 0 || !sandbox.every(isPlace)) return null;
  return { hosts: sandbox.map((place) => hostOfLine(place, "--sandbox")), source: "--sandbox", isWhole: false };
}

function hostsOfFile(context: CliContext, path: string): DirectHost[] {
  const file = resolve(context.io.folder, path);
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (cause) {
    if (!(cause instanceof Error)) throw cause;
    throw usageFailure(`--hosts-file: could not read ${path}: ${cause.message}`, "Name a readable file.");
  }
  const lines = text.split("\n").map((line) => line.replace(/#.*/, "").trim());
  const hosts = lines.filter((line) => line !== "").map((line) => hostOfLine(line, path));
  if (hosts.length === 0)
    throw usageFailure(`--hosts-file ${path} names no host`, "One host a line: ADDRESS[:PORT] [NAME] [SANDBOX ID].");
  return hosts;
}

function ofSnapshot(
  context: CliContext,
  environment: Environment,
  snapshot: FleetSnapshot | undefined,
): Discovered | null {
  const hosts = snapshot?.sandboxes.filter((one) => one.environment === environment) ?? [];
  if (!snapshot || hosts.length === 0) return null;
  const ageMinutes = Math.round((context.io.clock.now() - Date.parse(snapshot.takenAt)) / 60_000);
  return {
    hosts: hosts.map(({ sandboxId, name, address, agentPort }) => ({ sandboxId, name, address, agentPort })),
    source: `the signed snapshot of ${snapshot.takenAt}, ${ageText(ageMinutes)} old`,
    isWhole: true,
    lastCompleted: snapshot.lastCompleted[environment] ?? null,
  };
}

function ageText(minutes: number): string {
  if (minutes < 120) return `${minutes} min`;
  return minutes < 48 * 60 ? `${Math.round(minutes / 60)} h` : `${Math.round(minutes / 1440)} days`;
}

function ofVariables({ variables }: CliContext, { environment }: DeployCreateFlags): Discovered | null {
  const byEnvironment = { dev: undefined, staging: variables.EC2_IP_STG, production: variables.EC2_IP_PROD };
  const names = { dev: "", staging: "EC2_IP_STG", production: "EC2_IP_PROD" };
  const found = variables.SANDBOX_IPS
    ? { text: variables.SANDBOX_IPS, source: "SANDBOX_IPS" }
    : { text: byEnvironment[environment] ?? "", source: names[environment] };
  const hosts = hostsOfList(found.text, found.source);
  return hosts.length === 0 ? null : { hosts, source: found.source, isWhole: true, lastCompleted: null };
}

/** Only those named, by name, id or address; one that is not there is a mistake, not nothing. */
function pick(found: Discovered, wanted: readonly string[] | undefined): Discovered {
  if (wanted === undefined || wanted.length === 0) return found;
  const isMeant = (host: DirectHost, text: string) =>
    host.name === text ||
    host.sandboxId === text ||
    host.address === text ||
    `${host.address}:${host.agentPort}` === text;
  const hosts = wanted.map((text) => {
    const host = found.hosts.find((one) => isMeant(one, text));
    if (host) return host;
    throw usageFailure(`--sandbox ${text} is not among the hosts of ${found.source}`, "Name it as it stands there.");
  });
  return { ...found, hosts: [...new Set(hosts)], isWhole: false };
}
