import {
  type DeployActionName,
  type DeployState,
  type Environment,
  type Service,
  type Strategy,
  deployStates,
  services,
  strategies,
} from "@valet/shared";
import type { Command } from "commander";
import { usageFailure } from "../failure.ts";
import { environmentFlag, integer, list, oneOf, onOff, pairs, pattern, textOf } from "../flags.ts";
import type { Runner } from "../program.ts";
import { addDeployPlans, planRevision } from "./deploy-plans.ts";
import { type PageFlags, addPageFlags } from "./page-flags.ts";

export interface DeployListFlags extends PageFlags {
  environment?: Environment;
  service?: Service;
  state?: DeployState;
}
export interface WatchFlags {
  watch?: boolean;
}
export interface DeployActionFlags extends WatchFlags {
  reason?: string;
  revision?: number;
  strategy?: Strategy;
  knob?: Record<string, string>;
  ignoreFreeze?: boolean;
  toDigest?: string;
  planRevision?: string;
}
export interface DeployCreateFlags extends WatchFlags {
  environment: Environment;
  service?: Service;
  imageDigest?: string;
  sandbox?: string[];
  strategy?: Strategy;
  knob?: Record<string, string>;
  ignoreFreeze?: boolean;
  reason?: string;
  planRevision?: string;
  direct?: boolean;
  forceDirect?: boolean;
  hostsFile?: string;
  keysFile?: string;
  snapshot?: string;
}
export interface DeployConfigFlags {
  autoDeployStaging?: boolean;
  autoDeployProd?: boolean;
}

const digest = pattern(/^sha256:[0-9a-f]{64}$/, "sha256: and 64 hex digits");
const tag = pattern(/^[A-Za-z0-9._\-/:]{1,128}$/, "1 to 128 letters, digits or . _ - / :");
const planRevisionText = "Refuse unless a plan made now is still this one";
const strategyText = "rolling, canary or blue-green, whatever the environment's is";
const knobText = "How to proceed, such as maxParallel=2; may be repeated";
const ignoreFreezeText = "Start even in a freeze (admins, with --reason)";
const watchText = "Follow it to its end; exit code 0 only when it completed";

export function addDeploys(program: Command, run: Runner): void {
  const group = program.command("deploys").description("Take a release through an environment").helpCommand(false);
  addPageFlags(group.command("list").description("List deploys, newest first"), ["createdAt", "state", "environment"])
    .option("--environment <environment>", "dev, staging or production", environmentFlag)
    .option("--service <service>", "Only this service", oneOf(services))
    .option("--state <state>", "Only deploys in this state", oneOf(deployStates))
    .action((flags: DeployListFlags, command: Command) =>
      run(command, async (context) => (await import("../deploys/list-deploys.ts")).listDeploys(context, flags)),
    );
  group
    .command("show")
    .description("One deploy with each host's step and reason")
    .argument("<deploy>", "Id or its beginning")
    .option("--watch", watchText)
    .action((id: string, flags: WatchFlags, command: Command) =>
      run(command, async (context) => (await import("../deploys/show-deploy.ts")).showDeploy(context, id, flags)),
    );
  addDeployPlans(group, run);
  addCreate(group, run);
  addActions(group, run);
  group
    .command("config")
    .description("Show or set whether a webhook starts its deploy by itself")
    .option("--auto-deploy-staging <on|off>", "on or off", onOff)
    .option("--auto-deploy-prod <on|off>", "on or off", onOff)
    .action((flags: DeployConfigFlags, command: Command) =>
      run(command, async (context) => (await import("../deploys/deploy-config.ts")).deployConfig(context, flags)),
    );
}

function addCreate(group: Command, run: Runner): void {
  group
    .command("create")
    .description("Deploy a release without a webhook")
    .argument("<tag>", "Image tag of the release", tag)
    .requiredOption("--environment <environment>", "dev, staging or production", environmentFlag)
    .option("--service <service>", "What to deploy (default: ghosthands)", oneOf(services))
    .option("--image-digest <digest>", "Fail unless the tag has this digest", digest)
    .option("--sandbox <sandbox>", "Only this sandbox, by name or id (--direct: or address); may be repeated", list)
    .option("--strategy <strategy>", strategyText, oneOf(strategies))
    .option("--knob <name=value>", knobText, pairs)
    .option("--ignore-freeze", ignoreFreezeText)
    .option("--reason <text>", "Why, for the others", textOf(500))
    .option("--plan-revision <revision>", planRevisionText, planRevision)
    .option("--watch", watchText)
    .option("--direct", "Past the API, straight to the hosts: for the day it is down; it takes the journal later")
    .option("--hosts-file <path>", "--direct: one host a line, ADDRESS[:PORT] [NAME] [SANDBOX ID]", textOf(4000))
    .option("--keys-file <path>", "--direct: file with the agents' keys (default: VALET_KEYS_FILE)", textOf(4000))
    .option("--snapshot <path>", "--direct: signed fleet snapshot (default: .valet/fleet-snapshot.json)", textOf(4000))
    .option("--force-direct", "--direct although the API answers")
    .action((imageTag: string, flags: DeployCreateFlags, command: Command) =>
      run(command, async (context) => {
        refuseOfOtherMode(flags);
        return flags.direct
          ? (await import("../direct/direct-deploy.ts")).directDeploy(context, imageTag, flags)
          : (await import("../deploys/create-deploy.ts")).createDeploy(context, imageTag, flags);
      }),
    );
}

/** A flag that would be read by nobody is a mistake: without `--direct`, `--hosts-file` would not keep a deploy to those hosts. */
function refuseOfOtherMode(flags: DeployCreateFlags): void {
  const ofDirect = { "--hosts-file": flags.hostsFile, "--keys-file": flags.keysFile, "--snapshot": flags.snapshot };
  const ofApi = {
    "--plan-revision": flags.planRevision,
    "--watch": flags.watch,
    "--ignore-freeze": flags.ignoreFreeze,
  };
  const foreign = flags.direct ? ofApi : { ...ofDirect, "--force-direct": flags.forceDirect };
  const [given] = Object.entries(foreign).filter(([, value]) => value !== undefined && value !== false);
  if (!given) return;
  throw flags.direct
    ? usageFailure(`${given[0]} means nothing with --direct`, "Leave it out: it speaks of a deploy through the API.")
    : usageFailure(`${given[0]} is for --direct only`, "Add --direct, or leave it out.");
}

const actions: Record<DeployActionName, { description: string; watch: string }> = {
  trigger: { description: "Start a deploy that awaits its trigger", watch: watchText },
  approve: { description: "Let a deploy go ahead that another person asked for", watch: watchText },
  promote: {
    description: "Go on past a canary step, a switch or an analysis that waits for a person",
    watch: watchText,
  },
  pause: { description: "Begin no further host; what is under way settles", watch: watchText },
  resume: { description: "Go on with a paused deploy", watch: watchText },
  abort: {
    description: "Stop here; nothing is rolled back",
    watch: "Follow it to its end; exit code 0 only when it is aborted",
  },
  retry: { description: "Try the failed hosts of a failed deploy again", watch: watchText },
  rollback: {
    description: "Go back to the release before, or to another by its digest",
    watch: "Follow it to its end; exit code 0 only when the release before runs again",
  },
};

function addActions(group: Command, run: Runner): void {
  for (const [name, { description, watch }] of Object.entries(actions) as [
    DeployActionName,
    { description: string; watch: string },
  ][]) {
    const command = group
      .command(name)
      .description(description)
      .argument("<deploy>", "Id or its beginning")
      .option("--reason <text>", "Why, for the others", textOf(500))
      .option("--revision <number>", "Refuse unless the deploy is still at this revision", integer(0, 2_147_483_647))
      .option("--watch", watch);
    if (name === "trigger") {
      command.option("--strategy <strategy>", strategyText, oneOf(strategies));
      command.option("--knob <name=value>", knobText, pairs);
      command.option("--ignore-freeze", ignoreFreezeText);
      command.option("--plan-revision <revision>", planRevisionText, planRevision);
    }
    if (name === "rollback") command.option("--to-digest <digest>", "Go to this release instead", digest);
    command.action((id: string, flags: DeployActionFlags, self: Command) =>
      run(self, async (context) => (await import("../deploys/act-on-deploy.ts")).actOnDeploy(context, name, id, flags)),
    );
  }
}
