import { describe, expect, it } from "vitest";
import { textParts } from "./id-text.tsx";

const one = "c6d47a92-9bc8-409e-9084-2fe0bd5f8b41";
const two = "5c0d3e7e-bf71-4b52-b42a-9cce2c01e754";
const digest = `sha256:${"68d2ac4b".repeat(8)}`;

describe("textParts", () => {
  it("finds every task of a list", () => {
    expect(textParts(`sandbox-1: to end: tasks ${one}, ${two}`)).toEqual([
      { kind: "text", text: "sandbox-1: to end: tasks " },
      { kind: "task", id: one },
      { kind: "text", text: ", " },
      { kind: "task", id: two },
    ]);
  });

  it("tells deploys from tasks, and links nothing that it cannot name", () => {
    expect(textParts(`deploy ${one} waits for task ${two}`).map((part) => part.kind)).toEqual([
      "text",
      "deploy",
      "text",
      "task",
    ]);
    expect(textParts(`sandbox ${one}`)[1]).toEqual({ kind: "id", id: one });
  });

  it("shortens digests and writes moves as people do, leaving tags alone", () => {
    expect(textParts(`pinned v1_2 to ${digest}`)).toEqual([
      { kind: "text", text: "pinned v1_2 to " },
      { kind: "digest", digest },
    ]);
    expect(textParts("sandbox-1: handing_over -> updated: done")).toEqual([
      { kind: "text", text: "sandbox-1: handing over → updated: done" },
    ]);
  });

  it("tells times and people as such, and long durations in words", () => {
    expect(
      textParts("approval by a person other than operator:acme/jo: to bake until 2026-03-01T12:06:00.000Z"),
    ).toEqual([
      { kind: "text", text: "approval by a person other than " },
      { kind: "actor", actor: "operator:acme/jo" },
      { kind: "text", text: ": to bake until " },
      { kind: "time", at: "2026-03-01T12:06:00.000Z" },
    ]);
    expect(textParts("bakes for 600000 ms")).toEqual([{ kind: "text", text: "bakes for 10 min 00 s" }]);
  });

  it("leaves a plain sentence whole", () => {
    expect(textParts("waits its turn")).toEqual([{ kind: "text", text: "waits its turn" }]);
    expect(textParts("")).toEqual([]);
  });
});
