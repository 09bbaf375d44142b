import { readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { z } from "zod";
import { CliFailure } from "./failure.ts";

/** Written by the embedded default, so that `valet` finds the VALET that runs in this folder. */
export const connectionSchema = z.object({
  apiUrl: z.string().regex(/^https?:\/\/[^/]/, "must be an http:// or https:// address"),
  /** Relative to the file's own folder. */
  tokenFile: z.string().min(1),
});
export interface Connection extends z.infer<typeof connectionSchema> {
  file: string;
  folder: string;
}

/** The nearest `.valet/connection.json` in this folder or above; null when there is none. */
export function findConnection(startFolder: string): Connection | null {
  for (let folder = startFolder; ; folder = dirname(folder)) {
    const file = join(folder, ".valet", "connection.json");
    const text = readIfThere(file);
    if (text !== null) return parseConnection(file, text);
    if (dirname(folder) === folder) return null;
  }
}

function parseConnection(file: string, text: string): Connection {
  refuseForeign(file);
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw unusable(file, "it is not JSON", cause);
  }
  const parsed = connectionSchema.safeParse(json);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw unusable(file, `${issue?.path.join(".") || "it"}: ${issue?.message}`, parsed.error);
  }
  return { ...parsed.data, file, folder: dirname(file) };
}

/** The file says where a token is sent: one that another user owns or may write is not believed. */
function refuseForeign(file: string): void {
  const { uid, mode } = statSync(file);
  const user = process.getuid?.();
  if (user === undefined) return;
  if (uid !== user && uid !== 0) throw unusable(file, "it belongs to another user");
  if ((mode & 0o022) !== 0) throw unusable(file, "other users may write to it");
}

function unusable(file: string, why: string, cause?: unknown): CliFailure {
  return new CliFailure(`Could not use ${file}: ${why}`, {
    code: "connection",
    hint: 'Start VALET again with "npm start" (it writes the file), or set VALET_API_URL and VALET_API_TOKEN.',
    cause,
  });
}

function readIfThere(file: string): string | null {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    if (code === "ENOENT" || code === "ENOTDIR") return null;
    throw unusable(file, code === "EACCES" ? "you may not read it" : `reading failed (${code})`, cause);
  }
}
