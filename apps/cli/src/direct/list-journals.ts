import type { CliContext } from "../context.ts";
import { shorten } from "../short-ids.ts";
import { journalFolder } from "./journal-file.ts";
import { renderTable } from "../table.ts";

/** Direct deploys of this folder, and whether the API knows of them. */
export function listJournals(context: CliContext): void {
  const journals = journalFolder(context.io.folder).list();
  const rows = journals.map(({ document, createdAt, actor, uploadedAt }) => ({
    id: document.id,
    environment: document.environment,
    imageTag: document.imageTag,
    state: document.state,
    actor,
    createdAt: new Date(createdAt).toISOString(),
    uploadedAt: uploadedAt === null ? null : new Date(uploadedAt).toISOString(),
  }));
  context.print({ data: rows }, () =>
    rows.length === 0
      ? "No direct deploys in this folder."
      : renderTable(
          [
            { title: "id", cell: ({ id }) => shorten(id) },
            { title: "environment", cell: ({ environment }) => environment },
            { title: "tag", maxWidth: 40, cell: ({ imageTag }) => imageTag },
            { title: "state", cell: ({ state }) => state },
            { title: "begun", cell: ({ createdAt }) => createdAt.slice(0, 19) },
            { title: "by", maxWidth: 30, cell: ({ actor }) => actor },
            { title: "API", cell: ({ uploadedAt }) => (uploadedAt === null ? "waits for it" : "has it") },
          ],
          rows,
        ),
  );
}
