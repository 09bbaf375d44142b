import { readFileSync } from "node:fs";
import { signBytes, signatureMatches } from "@valet/contracts/node";
import { writeDurably } from "@valet/rollout";
import { canonicalJson, environments, type Secret } from "@valet/shared";
import { z } from "zod";
import { usageFailure } from "../failure.ts";

const contentSchema = z.strictObject({
  takenAt: z.string(),
  apiUrl: z.string(),
  sandboxes: z.array(
    z.strictObject({
      sandboxId: z.string(),
      name: z.string(),
      environment: z.string(),
      address: z.string(),
      agentPort: z.number().int(),
    }),
  ),
  /** What each environment was last brought to: where a deploy past the API may go back to. */
  lastCompleted: z.partialRecord(z.enum(environments), z.strictObject({ tag: z.string(), digest: z.string() })),
});
export type FleetSnapshot = z.infer<typeof contentSchema>;
const fileSchema = z.strictObject({ snapshot: contentSchema, signature: z.string() });

/** The fleet as the API knew it, signed: for the day it is asked for and cannot answer. */
export function writeSnapshot(file: string, snapshot: FleetSnapshot, key: Secret): void {
  const signature = signBytes(key.reveal(), canonicalJson(snapshot));
  writeDurably(file, `${JSON.stringify({ snapshot, signature }, null, 2)}\n`);
}

/** undefined when there is no such file. One that was not signed with this key is refused: it says where commands are sent. */
export function readSnapshot(file: string, key: Secret | undefined): FleetSnapshot | undefined {
  const text = textOf(file);
  if (text === undefined) return undefined;
  if (key === undefined) {
    throw usageFailure(`${file} cannot be checked: the keys file has no signingKey`, "Add it, or name the hosts.");
  }
  const parsed = fileSchema.safeParse(jsonOf(text));
  if (!parsed.success || !signatureMatches(key.reveal(), canonicalJson(parsed.data.snapshot), parsed.data.signature)) {
    throw usageFailure(
      `${file} is not signed with your signingKey`,
      "Do not trust it: name the hosts, or take a new one.",
    );
  }
  return parsed.data.snapshot;
}

function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
