import { expect, it } from "vitest";
import { renderFields, renderTable } from "./table.ts";

interface Row {
  name: string;
  count: number | null;
}

it("aligns columns, numbers to the right, and leaves no trailing blanks", () => {
  const rows: Row[] = [
    { name: "a", count: 1 },
    { name: "longer", count: 1000 },
  ];
  const text = renderTable<Row>(
    [
      { title: "name", cell: ({ name }) => name },
      { title: "count", align: "right", cell: ({ count }) => count },
    ],
    rows,
  );
  expect(text.split("\n")).toEqual(["NAME    COUNT", "a           1", "longer   1000"]);
});

it("prints nothing known as - and cuts what is too long", () => {
  const text = renderTable<Row>(
    [
      { title: "n", maxWidth: 4, cell: ({ name }) => name },
      { title: "c", cell: ({ count }) => count },
    ],
    [{ name: "abcdef", count: null }],
  );
  expect(text.split("\n")).toEqual(["N     C", "abc…  -"]);
});

it("measures what is seen, not the colour codes around it", () => {
  const paint = (text: string) => `<green>${text}</green>`;
  const text = renderTable<string>(
    [
      { title: "state", cell: (state) => ({ text: state, paint }) },
      { title: "x", cell: () => "x" },
    ],
    ["ok", "failed"],
  );
  expect(text.split("\n")).toEqual(["STATE   X", "<green>ok</green>      x", "<green>failed</green>  x"]);
});

it("lets no control character of a name or reason reach the terminal", () => {
  const evil = `a${String.fromCodePoint(27)}]0;title${String.fromCodePoint(7)}b\nc`;
  expect(renderFields([["Name", evil]])).toBe("Name  a ]0;title b c");
});
