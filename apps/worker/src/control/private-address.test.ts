import { describe, expect, it } from "vitest";
import { isPrivateAddress, refusalOf } from "./private-address.ts";

describe("isPrivateAddress", () => {
  it.each([
    "127.0.0.1",
    "10.1.2.3",
    "172.31.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "0.0.0.0",
    "100.64.0.1",
    "::1",
    "fd00::1",
    "fe80::1",
    "::ffff:10.0.0.1",
  ])("%s is private", (address) => expect(isPrivateAddress(address)).toBe(true));
  it.each(["1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700::1111"])("%s is public", (address) =>
    expect(isPrivateAddress(address)).toBe(false),
  );
});

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
