import { type Service, services } from "@valet/shared";
import type { Command } from "commander";
import { oneOf } from "../flags.ts";
import type { Runner } from "../program.ts";
import { type PageFlags, addPageFlags } from "./page-flags.ts";

export interface ReleaseListFlags extends PageFlags {
  service?: Service;
}

export function addReleases(program: Command, run: Runner): void {
  const group = program.command("releases").description("What can be deployed").helpCommand(false);
  addPageFlags(group.command("list").description("List releases, newest first"), ["createdAt", "version"])
    .option("--service <service>", "Only this service", oneOf(services))
    .action((flags: ReleaseListFlags, command: Command) =>
      run(command, async (context) => (await import("../releases/list-releases.ts")).listReleases(context, flags)),
    );
}
