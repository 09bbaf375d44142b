import { type Service, services } from "@valet/shared";
import type { Command } from "commander";
import { oneOf } from "../flags.ts";
import type { Runner } from "../program.ts";
import { type PageFlags, addPageFlags } from "./page-flags.ts";

export interface ReleaseListFlags extends PageFlags {
  service?: Service;
}

export interface ReleaseCompareFlags {
  service?: Service;
}

export function addReleases(program: Command, run: Runner): void {
  const group = program.command("releases").description("What can be deployed").helpCommand(false);
  addPageFlags(group.command("list").description("List releases, newest first"), ["createdAt", "version"])
    .option("--service <service>", "Only this service", oneOf(services))
    .action((flags: ReleaseListFlags, command: Command) =>
      run(command, async (context) => (await import("../releases/list-releases.ts")).listReleases(context, flags)),
    );
  group
    .command("compare")
    .description("Two releases side by side: clocks, capacity, tasks lost, failures, durations")
    .argument("<from>", "Id, tag or digest of a release")
    .argument("<to>", "Id, tag or digest of another")
    .option("--service <service>", "Whose releases (default: ghosthands)", oneOf(services))
    .action((from: string, to: string, flags: ReleaseCompareFlags, command: Command) =>
      run(command, async (context) =>
        (await import("../releases/compare-releases.ts")).compareReleases(context, from, to, flags),
      ),
    );
}
