import { plainText } from "./plain-text.ts";

/** A cell: its text, and how it looks on a terminal (same visible width). */
export interface Cell {
  text: string;
  paint?: (text: string) => string;
}
export interface Column<Row> {
  title: string;
  align?: "left" | "right";
  /** Longer text is cut and ends in `…`. */
  maxWidth?: number;
  cell: (row: Row) => string | number | null | Cell;
}

/** Aligned columns, two blanks apart, title line in capitals; no trailing blanks. Empty values print as `-`. */
export function renderTable<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): string {
  const cells = rows.map((row) => columns.map((column) => toCell(column, row)));
  const widths = columns.map((column, index) =>
    Math.max(column.title.length, ...cells.map((line) => width(line[index]?.text ?? ""))),
  );
  const head = columns.map((column) => ({ text: column.title.toUpperCase() }));
  return [head, ...cells].map((line) => renderLine(columns, widths, line)).join("\n");
}

/** `label  value` lines with aligned values; for one thing's details. */
export function renderFields(fields: readonly (readonly [string, string | number | null | Cell])[]): string {
  const labelWidth = Math.max(...fields.map(([label]) => label.length));
  return fields
    .map(([label, value]) => {
      const cell = asCell(value);
      return `${label.padEnd(labelWidth)}  ${cell.paint ? cell.paint(cell.text) : cell.text}`;
    })
    .join("\n");
}

function renderLine<Row>(columns: readonly Column<Row>[], widths: readonly number[], line: readonly Cell[]): string {
  return line
    .map((cell, index) => {
      const gap = " ".repeat(Math.max(0, (widths[index] ?? 0) - width(cell.text)));
      const text = cell.paint ? cell.paint(cell.text) : cell.text;
      return columns[index]?.align === "right" ? gap + text : text + gap;
    })
    .join("  ")
    .trimEnd();
}

function toCell<Row>(column: Column<Row>, row: Row): Cell {
  const cell = asCell(column.cell(row));
  const { maxWidth } = column;
  if (maxWidth === undefined || width(cell.text) <= maxWidth) return cell;
  return { ...cell, text: `${[...cell.text].slice(0, maxWidth - 1).join("")}…` };
}

function asCell(value: string | number | null | Cell): Cell {
  const cell = typeof value === "object" && value !== null ? value : { text: String(value ?? "") };
  const text = plainText(cell.text);
  return { ...cell, text: text === "" ? "-" : text };
}

/** Characters, not UTF-16 units. */
function width(text: string): number {
  return [...text].length;
}
