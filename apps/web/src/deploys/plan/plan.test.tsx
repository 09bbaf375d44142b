// @vitest-environment happy-dom
import { fireEvent, screen, waitFor, within } from "@testing-library/react";
import { describe, expect, it } from "vitest";
import { renderApp } from "../../testing/render-app.tsx";
import { fixtureId } from "../../testing/seeded-random.ts";
import { groupWaves } from "./plan-waves.tsx";

async function plan() {
  const app = await renderApp("/deploys");
  fireEvent.click(await screen.findByRole("button", { name: "New deploy" }));
  const dialog = await screen.findByRole("dialog", { name: "New deploy" });
  fireEvent.change(within(dialog).getByLabelText("Image tag"), { target: { value: "v2.4.0" } });
  fireEvent.click(within(dialog).getByRole("button", { name: "Plan" }));
  await within(dialog).findByRole("list", { name: "Waves" });
  return { ...app, dialog };
}

describe("the plan of a new deploy", () => {
  it("shows what holds it, how long it takes, its waves, the tasks at risk and each host", async () => {
    const { dialog, asked } = await plan();
    const list = (name: string) =>
      within(within(dialog).getByRole("list", { name }))
        .getAllByRole("listitem")
        .map((item) => item.textContent);
    expect(list("What stands in its way")[0]).toMatch(/^Holds it: freeze "weekend" until/);
    expect(list("Waves")).toHaveLength(3);
    expect(list("Waves")[2]).toMatch(/^Waves 3–22the rest/);
    expect(list("Tasks at risk")[0]).toContain("31 % past its deadline");
    expect(list("Planned hosts")[3]).toContain("stop-first, because 1.1 GB are free");
    expect(within(dialog).getByText("48 min 30 s")).toBeTruthy();
    expect(asked.filter((line) => line.startsWith("POST"))).toEqual(["POST /api/v1/admin/deploys/plan"]);
  });

  it("deploys what was planned; when that has moved it says what, and plans again", async () => {
    const { dialog, router } = await plan();
    fireEvent.click(within(dialog).getByRole("button", { name: "Deploy this plan" }));
    expect((await within(dialog).findByRole("alert")).textContent).toContain("this has changed: which hosts");
    expect(within(dialog).getByRole<HTMLButtonElement>("button", { name: "Deploy this plan" }).disabled).toBe(true);
    fireEvent.click(within(dialog).getByRole("button", { name: "Plan it as it is now" }));
    await waitFor(() => expect(within(dialog).queryByRole("alert")).toBeNull());
    await within(dialog).findByRole("list", { name: "Waves" });
    fireEvent.click(within(dialog).getByRole("button", { name: "Deploy this plan" }));
    await waitFor(() => expect(router.state.location.pathname).toMatch(/^\/deploys\/.+/));
  });

  it("forgets a plan of something else", async () => {
    const { dialog } = await plan();
    fireEvent.change(within(dialog).getByLabelText("Image tag"), { target: { value: "v2.5.0" } });
    expect(within(dialog).queryByRole("list", { name: "Waves" })).toBeNull();
    expect(within(dialog).getByRole("button", { name: "Deploy" })).toBeTruthy();
  });
});

describe("the plan of a deploy that waits", () => {
  it("is shown before it begins, and is what a trigger then insists on", async () => {
    const { asked } = await renderApp(`/deploys/${fixtureId(3, 1)}`);
    fireEvent.click(await screen.findByRole("button", { name: "Plan" }));
    const dialog = await screen.findByRole("dialog", { name: /^Plan of v1.9.0/ });
    await within(dialog).findByRole("list", { name: "Waves" });
    fireEvent.click(within(dialog).getByRole("button", { name: "Trigger this plan" }));
    await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
    expect(asked.filter((line) => line.startsWith("POST")).map((line) => line.split("/").at(-1))).toEqual([
      "plan",
      "trigger",
    ]);
    expect(screen.queryByRole("button", { name: "Plan" })).toBeNull();
  });
});

it("tells waves of one kind in a row as one", () => {
  const wave = (number: number, text: string) => ({
    ...{ wave: number, text, hosts: 1, sandboxNames: [`s-${number}`], bakeMs: 0, waitsForPromotion: false },
  });
  const groups = groupWaves([wave(1, "canary"), wave(2, "the rest"), wave(3, "the rest")]);
  expect(groups.map(({ first, last, hosts }) => [first, last, hosts])).toEqual([
    [1, 1, 1],
    [2, 3, 2],
  ]);
});
