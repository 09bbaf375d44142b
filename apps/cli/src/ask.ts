import type { ApiClient } from "@valet/contracts";
import type { CliContext } from "./context.ts";
import { type Doing, explain } from "./explain.ts";

/** One call of the API; whatever goes wrong is told as `Could not <what>: …`. */
export async function ask<T>(
  context: CliContext,
  doing: Omit<Doing, "apiUrl">,
  call: (api: ApiClient, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { apiUrl } = context.config();
  try {
    return await call(context.api(), context.signal());
  } catch (error) {
    throw explain(error, { ...doing, apiUrl });
  }
}
