import { describe, expect, it } from "vitest";
import { refusalOf } from "./private-address.ts";

describe("refusalOf", () => {
  it.each([
    ["http://127.0.0.1:9000/hook", "127.0.0.1 is a private address"],
    ["http://[::1]/hook", "::1 is a private address"],
    ["ftp://example.com/", "ftp: is not http or https"],
    ["https://example.com/hook", null],
    ["http://127.0.0.1:8088/hook", null],
  ])("%s: %s", (url, want) => {
    expect(refusalOf(new URL(url), new Set(["127.0.0.1:8088"]))).toBe(want);
  });
});
