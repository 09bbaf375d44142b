// @vitest-environment happy-dom
import { fireEvent, screen, waitFor } from "@testing-library/react";
import { describe, expect, it } from "vitest";
import { renderApp } from "../testing/render-app.tsx";
import { shortcutFor, shortcuts } from "./shortcuts.tsx";

describe("shortcutFor", () => {
  it("understands every shortcut that the dialog lists", () => {
    for (const { keys, action } of shortcuts) {
      if (action === null) continue;
      const [first = "", second] = keys.split(" ");
      if (second === undefined) expect(shortcutFor(null, first)).toBe(action);
      else {
        expect(shortcutFor(null, first)).toBe("pending");
        expect(shortcutFor(first, second)).toBe(action);
      }
    }
  });

  it("forgets a pair that makes no sense", () => {
    expect(shortcutFor("g", "x")).toBe(null);
    expect(shortcutFor(null, "x")).toBe(null);
  });
});

describe("the keyboard", () => {
  it("goes to a page, moves along the rows and opens the search", async () => {
    const { router } = await renderApp("/fleet");
    await screen.findByRole("article", { name: "sandbox-1" });
    fireEvent.keyDown(document.body, { key: "g" });
    fireEvent.keyDown(document.body, { key: "t" });
    await waitFor(() => expect(router.state.location.pathname).toBe("/tasks"));
    await screen.findByRole("table", { name: "Tasks" });
    fireEvent.keyDown(document.body, { key: "j" });
    const rows = [...document.querySelectorAll("[data-row]")];
    expect(document.activeElement).toBe(rows[0]);
    fireEvent.keyDown(document.body, { key: "j" });
    fireEvent.keyDown(document.body, { key: "j" });
    fireEvent.keyDown(document.body, { key: "k" });
    expect(document.activeElement).toBe(rows[1]);
    fireEvent.keyDown(document.body, { key: "/" });
    expect(document.activeElement?.getAttribute("type")).toBe("search");
  });

  it("leaves letters alone while somebody types", async () => {
    const { router } = await renderApp("/tasks");
    const search = await screen.findByRole("searchbox");
    fireEvent.keyDown(search, { key: "g" });
    fireEvent.keyDown(search, { key: "f" });
    expect(router.state.location.pathname).toBe("/tasks");
  });

  it("documents itself under ?, and every page begins with a way past the header", async () => {
    await renderApp("/tasks");
    fireEvent.keyDown(document.body, { key: "?" });
    expect(await screen.findByRole("dialog", { name: "Keyboard shortcuts" })).toBeTruthy();
    expect(screen.getByRole("link", { name: "Skip to the content" }).getAttribute("href")).toBe("#main");
  });
});
