// @vitest-environment happy-dom
import { fireEvent, screen, waitFor, within } from "@testing-library/react";
import { describe, expect, it } from "vitest";
import { fixtureId } from "./testing/seeded-random.ts";
import { renderApp } from "./testing/render-app.tsx";

const pages = [
  { path: "/fleet", loading: "Loading The fleet", empty: "No sandboxes yet", failure: "The fleet could not be loaded" },
  {
    path: "/deploys",
    loading: "Loading The list of deploys",
    empty: "Nothing was deployed yet",
    failure: "The list of deploys could not be loaded",
  },
  {
    path: "/tasks",
    loading: "Loading The list of tasks",
    empty: "No tasks yet",
    failure: "The list of tasks could not be loaded",
  },
];

describe.each(pages)("$path", ({ path, loading, empty, failure }) => {
  it("shows skeletons while it loads", async () => {
    await renderApp(path, { scene: "slow" });
    expect(await screen.findByRole("status", { name: loading })).toBeTruthy();
  });

  it("says what to do when there is nothing", async () => {
    await renderApp(path, { scene: "empty" });
    expect(await screen.findByText(empty)).toBeTruthy();
  });

  it("says what failed and why, and tries again when asked", async () => {
    const { asked } = await renderApp(path, { scene: "broken" });
    const alert = await screen.findByRole("alert");
    expect(alert.textContent).toContain(failure);
    expect(alert.textContent).toContain("The database is away (request fixture-1)");
    const before = asked.length;
    fireEvent.click(within(alert).getByRole("button", { name: "Try again" }));
    await waitFor(() => expect(asked.length).toBeGreaterThan(before));
  });
});

describe("1,000 rows", () => {
  it("draws only the tasks near the screen and says how many there are", async () => {
    await renderApp("/tasks?pageSize=1000", { taskCount: 1000 });
    const table = await screen.findByRole("table", { name: "Tasks" });
    expect(table.getAttribute("aria-rowcount")).toBe("1001");
    const drawn = within(table).getAllByRole("link").length;
    expect(drawn).toBeGreaterThan(10);
    expect(drawn).toBeLessThan(80);
    expect(screen.getByText("1–1,000 of 1,000")).toBeTruthy();
  });

  it("draws only the sandboxes near the screen", async () => {
    await renderApp("/fleet", { scene: "big" });
    const drawn = (await screen.findAllByRole("article")).length;
    expect(drawn).toBeGreaterThan(5);
    expect(drawn).toBeLessThan(60);
    expect(screen.getByText("1000", { selector: "strong" })).toBeTruthy();
  });
});

describe("the fleet", () => {
  it("marks a sandbox that somebody pinned by hand and one that drifted", async () => {
    await renderApp("/fleet");
    const pinned = await screen.findByRole("article", { name: "sandbox-8" });
    expect(pinned.textContent).toContain("pinned to v1.8.1-hotfix");
    expect(pinned.textContent).toContain("no deploy takes it back by itself");
    const drifted = screen.getByRole("article", { name: "sandbox-9" });
    expect(drifted.textContent).toMatch(/drifted.*it runs v1\.7\.0 \([0-9a-f]{12}\), which is not allowed here/);
    expect(document.body.textContent).toContain("1 drifted, 1 pinned by hand");
  });

  it("names every holder of a cordon, and shows unknown as unknown", async () => {
    await renderApp("/fleet");
    const cordoned = await screen.findByRole("article", { name: "sandbox-4" });
    expect(cordoned.textContent).toContain("Cordoned by operator maria: kernel update tonight");
    expect(cordoned.textContent).toContain("Cordoned by deploy: stop-first step");
    const away = screen.getByRole("article", { name: "sandbox-5" });
    expect(away.textContent).toContain("unreachable");
    expect(away.textContent).toContain("as it was");
  });

  it("names each slot by state, generation and task, and links to the task", async () => {
    await renderApp("/fleet");
    const row = await screen.findByRole("article", { name: "sandbox-2" });
    const slots = within(within(row).getByRole("list", { name: "Slots" })).getAllByRole("link");
    expect(slots.map((slot) => slot.getAttribute("aria-label"))).toEqual([
      expect.stringMatching(/^Slot 0: occupied, generation 7, task /),
      expect.stringMatching(/^Slot 1: occupied, generation 8, task /),
      expect.stringMatching(/^Slot 2: reserved, generation 8, task /),
      expect.stringMatching(/^Slot 3: occupied, generation 7, task /),
    ]);
    expect(slots[0]?.getAttribute("href")).toBe(`/tasks/${fixtureId(2, 4)}`);
  });

  it("offers no cordon to a viewer", async () => {
    await renderApp("/fleet", { role: "viewer" });
    await screen.findByRole("article", { name: "sandbox-1" });
    await waitFor(() => expect(screen.queryByRole("button", { name: "Cordon sandbox-1" })).toBeNull());
  });

  it("is loaded again when an event says that a sandbox changed", async () => {
    const { asked, emit, socket } = await renderApp("/fleet");
    await screen.findByRole("article", { name: "sandbox-1" });
    socket.onopen?.();
    const lists = () => asked.filter((line) => line.startsWith("GET /api/v1/admin/sandboxes")).length;
    await waitFor(() => expect(lists()).toBe(2));
    emit({ type: "sandbox_update", eventId: 5, sandboxId: fixtureId(1, 0), status: "unhealthy" });
    await waitFor(() => expect(lists()).toBe(3));
  });

  it("keeps the old rows under the failure when a refresh fails", async () => {
    const { emit, socket, breakLists } = await renderApp("/fleet");
    await screen.findByRole("article", { name: "sandbox-1" });
    socket.onopen?.();
    breakLists();
    emit({ type: "sandbox_update", eventId: 5, sandboxId: fixtureId(1, 0), status: "unhealthy" });
    expect((await screen.findByRole("alert")).textContent).toContain("this is what was known");
    expect(screen.getByRole("article", { name: "sandbox-1" })).toBeTruthy();
  });
});

describe("the connection mark", () => {
  it("says when the page is live and when it is not", async () => {
    const { socket } = await renderApp("/fleet");
    const mark = await screen.findByRole("status", { name: "Live updates" });
    expect(mark.textContent).toBe("Connecting");
    socket.onopen?.();
    await waitFor(() => expect(mark.textContent).toBe("Live"));
    socket.onclose?.({ code: 1006 });
    await waitFor(() => expect(mark.textContent).toMatch(/Not live|Reconnecting/));
  });
});
