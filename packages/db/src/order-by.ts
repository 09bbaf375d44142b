/**
 * ORDER BY from an allow-list: the key picks a column name of ours, its text never reaches the SQL (F51).
 * A key that is not listed throws; zod refuses it at the edge before.
 */
export function orderBy<C extends Readonly<Record<string, string>>>(
  columns: C,
  query: { sortBy: keyof C & string; sortOrder: "asc" | "desc" },
  tieBreaker = "id",
): string {
  const column = Object.hasOwn(columns, query.sortBy) ? columns[query.sortBy] : undefined;
  if (column === undefined) throw new Error(`no column to sort by for ${JSON.stringify(query.sortBy)}`);
  const direction = query.sortOrder === "asc" ? "ASC" : "DESC";
  return `ORDER BY ${column} ${direction}, ${tieBreaker} ${direction}`;
}
