// @vitest-environment happy-dom
import { fireEvent, screen, within } from "@testing-library/react";
import { describe, expect, it } from "vitest";
import { renderApp } from "../testing/render-app.tsx";
import { fixtureId } from "../testing/seeded-random.ts";

const task = (number: number) => `/tasks/${fixtureId(2, number)}`;
const running = task(0);
const queued = task(3);
const failed = task(9);
const doubtful = task(10);

describe("the task page", () => {
  it("marks the steps as their events come", async () => {
    await renderApp(running);
    const steps = await screen.findByRole("list", { name: "Steps" });
    expect(await within(steps).findByText(", running")).toBeTruthy();
    expect(within(steps).getAllByText(", done")).toHaveLength(1);
    expect(within(steps).getAllByText(", not started")).toHaveLength(6);
  });

  it("never shows what is filled in", async () => {
    await renderApp(running);
    await screen.findByRole("list", { name: "Steps" });
    expect(document.body.textContent).not.toContain("Ada");
  });

  it("lists the attempts with fence, sandbox and release, the newest first", async () => {
    await renderApp(running);
    const attempts = within(await screen.findByRole("list", { name: "Attempts" })).getAllByRole("listitem");
    expect(attempts).toHaveLength(2);
    expect(attempts[0]?.textContent).toContain("fence 2");
    expect(attempts[0]?.textContent).toContain("v1.9.0");
    expect(attempts[1]?.textContent).toContain("lost");
    expect(attempts[1]?.textContent).toContain("sandbox-5");
  });

  it("says what a waiting task waits for", async () => {
    await renderApp(queued);
    expect(await screen.findByText(/2 tasks are ahead/)).toBeTruthy();
    expect(screen.getByText("Position 3 in the queue, starts in about 14 s")).toBeTruthy();
  });

  it("says which step failed and why", async () => {
    await renderApp(failed);
    expect((await screen.findByRole("alert")).textContent).toContain("Step 5: step_timeout");
  });

  it("shows screenshots, large when asked", async () => {
    await renderApp(doubtful);
    const [picture] = await screen.findAllByRole("img", { name: "Screenshot after-login.png" });
    expect(picture?.getAttribute("src")).toMatch(/^data:image\/png;base64,/);
    fireEvent.click(picture as HTMLElement);
    expect(screen.getByRole("dialog", { name: "after-login.png" })).toBeTruthy();
  });

  it("settles a doubtful task only with a decision", async () => {
    const { asked } = await renderApp(doubtful);
    fireEvent.click(await screen.findByRole("button", { name: "Review" }));
    const dialog = screen.getByRole("dialog", { name: "What happened to this task?" });
    fireEvent.submit(within(dialog).getByRole("button", { name: "Settle" }).closest("form") as HTMLFormElement);
    expect(asked.some((line) => line.startsWith("POST"))).toBe(false);
    fireEvent.click(within(dialog).getByRole("radio", { name: /It was done/ }));
    fireEvent.click(within(dialog).getByRole("button", { name: "Settle" }));
    await screen.findByRole("button", { name: "Review" });
    expect(asked).toContain(`POST /api/v1/tasks/${fixtureId(2, 10)}/review`);
  });
});
