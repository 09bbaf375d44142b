import { ask } from "../ask.ts";
import type { ReleaseListFlags } from "../commands/releases.ts";
import type { CliContext } from "../context.ts";
import { pageQuery, pageText } from "../page-text.ts";
import { relativeTime } from "../relative-time.ts";
import { type Column, renderTable } from "../table.ts";

export async function listReleases(context: CliContext, flags: ReleaseListFlags): Promise<void> {
  const sortBy = flags.sortBy as "createdAt" | "version" | undefined;
  const page = await ask(context, { what: "list the releases" }, (api, signal) =>
    api.listReleases({ query: { ...pageQuery(flags), sortBy, service: flags.service }, signal }),
  );
  const nowMs = context.io.clock.now();
  const columns: Column<(typeof page.data)[number]>[] = [
    { title: "tag", maxWidth: 40, cell: (release) => release.imageTag },
    { title: "service", cell: (release) => release.service },
    { title: "version", maxWidth: 20, cell: (release) => release.version },
    { title: "digest", cell: (release) => release.imageDigest?.slice(7, 19) ?? null },
    { title: "commit", cell: (release) => release.commitSha?.slice(0, 7) ?? null },
    { title: "made", cell: (release) => relativeTime(release.createdAt, nowMs) },
    { title: "message", maxWidth: 50, cell: (release) => release.commitMessage },
  ];
  context.print(page, () =>
    page.data.length === 0
      ? "No releases yet: the first one arrives with the first webhook or deploy."
      : renderTable(columns, page.data) + pageText(page.pagination),
  );
}
