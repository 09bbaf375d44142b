import type { Command } from "commander";
import { integer, oneOf, textOf } from "../flags.ts";

export interface PageFlags {
  page?: number;
  pageSize?: number;
  search?: string;
  sortBy?: string;
  sortOrder?: "asc" | "desc";
}

/** The flags that every list has. */
export function addPageFlags(command: Command, sortKeys: readonly string[]): Command {
  return command
    .option("--page <number>", "Which page", integer(1, 100_000))
    .option("--page-size <number>", "Rows a page, at most 1000 (default: 25)", integer(1, 1000))
    .option("--search <text>", "Only what contains this text", textOf(200))
    .option("--sort-by <field>", `One of ${sortKeys.join(", ")}`, oneOf(sortKeys))
    .option("--sort-order <order>", "asc or desc (default: desc)", oneOf(["asc", "desc"] as const));
}
