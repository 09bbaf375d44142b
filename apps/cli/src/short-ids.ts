import type { CliContext } from "./context.ts";
import { explain } from "./explain.ts";
import { CliFailure, usageFailure } from "./failure.ts";

const fullId = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const shortId = /^[0-9a-f][0-9a-f-]{3,35}$/i;
const pageSize = 1000;
/** A shortened id is looked for among this many of the newest; beyond them the full id is needed. */
const pagesSearched = 10;

interface Named {
  id: string;
  name?: string;
}
type Kind = "sandbox" | "task" | "deploy";
const listCommands: Record<Kind, string> = {
  sandbox: "valet sandboxes list",
  task: "valet tasks list",
  deploy: "valet deploys list",
};

/** How tables show an id. */
export function shorten(id: string): string {
  return id.slice(0, 8);
}

/** The full id for a full id, a unique beginning of one, or a sandbox's name. */
export async function resolveId(context: CliContext, kind: Kind, given: string): Promise<string> {
  if (fullId.test(given)) return given.toLowerCase();
  const mayBeName = kind === "sandbox";
  if (!mayBeName && !shortId.test(given)) {
    throw usageFailure(
      `"${given}" is not the id of a ${kind}`,
      `Give a full id or at least its first four characters; ${listCommands[kind]} shows them.`,
    );
  }
  const found = await search(context, kind, given);
  const exact = found.filter((one) => one.name === given);
  const matches = exact.length > 0 ? exact : found;
  const [first, second] = matches;
  if (!first) {
    throw new CliFailure(`No ${kind} found for "${given}"`, {
      code: "not_found",
      hint: `List what exists: ${listCommands[kind]}.`,
    });
  }
  if (second) {
    const named = matches.slice(0, 5).map((one) => one.id);
    throw new CliFailure(`"${given}" is the beginning of ${matches.length} ${kind} ids: ${named.join(", ")}`, {
      code: "ambiguous_id",
      hint: "Give more characters.",
      exitCode: 2,
    });
  }
  return first.id;
}

async function search(context: CliContext, kind: Kind, given: string): Promise<Named[]> {
  const prefix = given.toLowerCase();
  // By id: a row may show on two pages when a newer one pushes it down between two calls.
  const found = new Map<string, Named>();
  for (let page = 1; page <= pagesSearched; page += 1) {
    const { data, pagination } = await listPage(context, kind, page, prefix);
    for (const one of data) {
      if (one.name === given || (shortId.test(given) && one.id.startsWith(prefix))) found.set(one.id, one);
    }
    if (page >= pagination.totalPages) break;
  }
  return [...found.values()];
}

async function listPage(
  context: CliContext,
  kind: Kind,
  page: number,
  prefix: string,
): Promise<{ data: Named[]; pagination: { totalPages: number } }> {
  const api = context.api();
  const input = { query: { page, pageSize }, signal: context.signal() };
  try {
    if (kind === "sandbox") return await api.listSandboxes(input);
    if (kind === "deploy") return await api.listDeploys(input);
    // There may be very many tasks; the API itself finds them by the beginning of their id.
    return await api.listTasks({ ...input, query: { ...input.query, search: prefix } });
  } catch (error) {
    throw explain(error, { what: `look for ${kind} ids`, apiUrl: context.config().apiUrl });
  }
}
