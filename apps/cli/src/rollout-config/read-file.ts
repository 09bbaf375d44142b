import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import type { RolloutConfig } from "@valet/contracts";
import { parseRolloutYaml, rolloutYamlLimitChars, yamlProblemText } from "@valet/contracts/node";
import type { Environment } from "@valet/shared";
import type { CliContext } from "../context.ts";
import { CliFailure, usageFailure } from "../failure.ts";

/** The file's text and what it says; a failure has a line for each key that is wrong. */
export async function readRolloutFile(
  context: CliContext,
  file: string,
): Promise<{ source: string; config: RolloutConfig }> {
  const source = await textOf(resolve(context.io.folder, file), file);
  if (source.length > rolloutYamlLimitChars) {
    throw new CliFailure(`${file} is longer than ${rolloutYamlLimitChars} characters`, { code: "validation" });
  }
  const parsed = parseRolloutYaml(source);
  if (parsed.ok) return { source, config: parsed.value };
  const lines = parsed.error.slice(0, 20).map((problem) => `  ${yamlProblemText(problem)}`);
  const count = parsed.error.length === 1 ? "1 problem" : `${parsed.error.length} problems`;
  throw new CliFailure(`${file} has ${count}:\n${lines.join("\n")}`, {
    code: "validation",
    hint: "docs/rollout-yml.md describes each key.",
    details: parsed.error.map(({ field, message, code, line, column }) => ({
      field,
      message: `line ${line}, column ${column}: ${message}`,
      code,
    })),
  });
}

export function assertNames(config: RolloutConfig, environment: Environment, file: string): void {
  if (config.environments[environment]) return;
  const names = Object.keys(config.environments).join(", ") || "none";
  throw usageFailure(`${file} has no ${environment}; it names ${names}`);
}

async function textOf(path: string, file: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    const why = error instanceof Error && "code" in error ? String(error.code) : String(error);
    throw usageFailure(`Could not read ${file}: ${why}`);
  }
}
