import type { ApiClient } from "@valet/contracts";
import type { CliContext } from "./context.ts";
import { hasJournals } from "./direct/journal-place.ts";
import { type Doing, explain } from "./explain.ts";

/** One call of the API; whatever goes wrong is told as `Could not <what>: …`. */
export async function ask<T>(
  context: CliContext,
  doing: Omit<Doing, "apiUrl">,
  call: (api: ApiClient, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { apiUrl } = context.config();
  try {
    const answer = await call(context.api(), context.signal());
    await tellOfDirectDeploys(context);
    return answer;
  } catch (error) {
    throw explain(error, { ...doing, apiUrl });
  }
}

/** The API answers: what was deployed past it meanwhile it learns now. Once a command, and never at its cost. */
async function tellOfDirectDeploys(context: CliContext): Promise<void> {
  if (context.toldOfDirectDeploys) return;
  context.toldOfDirectDeploys = true;
  if (!hasJournals(context.io.folder)) return;
  const { tryUpload } = await import("./direct/upload.ts");
  await tryUpload(context);
}
