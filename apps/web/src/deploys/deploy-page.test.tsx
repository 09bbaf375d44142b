// @vitest-environment happy-dom
import { fireEvent, screen, waitFor, within } from "@testing-library/react";
import { deployActionNames, deployActions, deployStates } from "@valet/shared";
import { describe, expect, it } from "vitest";
import { fixtureDeploys } from "../testing/fixture-deploys.ts";
import { fixtureNowMs, renderApp } from "../testing/render-app.tsx";
import { fixtureId } from "../testing/seeded-random.ts";
import { deployActionLooks } from "./actions/action-looks.ts";

const midRollout = `/deploys/${fixtureId(3, 0)}`;

describe("the deploy page", () => {
  it("shows state, reason, whom it waits for, both clocks and the lowest capacity", async () => {
    await renderApp(midRollout);
    expect((await screen.findByRole("heading", { level: 1 })).textContent).toBe("v1.9.0 to staging");
    expect(document.title).toBe("v1.9.0 to staging, in progress, VALET");
    expect(screen.getByText("1 of 7 hosts updated, handing over sandbox-2")).toBeTruthy();
    expect(screen.getByText(/task 4c1d0e7a on slot 0/)).toBeTruthy();
    const figures = [...document.querySelectorAll("[aria-label=Measures] > div")].map((figure) => figure.textContent);
    expect(figures).toEqual([
      "All new work on the new release after5 min 12 sstill running",
      "Last old task ended after5 min 12 sstill running",
      "Lowest capacity100 %as promised",
      "Tasks lost0as promised",
    ]);
  });

  it("shows each host with its step, generations, reported digest and message", async () => {
    await renderApp(midRollout);
    const hosts = within(await screen.findByRole("list", { name: "Hosts" })).getAllByRole("listitem");
    const texts = hosts.map((host) => host.textContent ?? "");
    expect(texts[1]).toContain("handing over");
    expect(texts[1]).toContain("g7 → g8");
    expect(texts[1]).toContain("as asked");
    expect(texts[1]).toContain("2 of 4 slots handed over");
    expect(texts[2]).toContain("not the new one");
    expect(texts[4]).toContain("active tasks unknown");
  });

  it("offers exactly what the shared table allows, in every state", async () => {
    const deploys = fixtureDeploys(fixtureNowMs);
    const seen = new Set<string>();
    for (const deploy of deploys) {
      await renderApp(`/deploys/${deploy.id}`);
      await screen.findByRole("heading", { level: 1 });
      const wanted = deployActionNames
        .filter((action) => deployActions[action].includes(deploy.state))
        .filter((action) => action !== "promote" || deploy.state === "baking");
      const names = wanted.map((action) => deployActionLooks[action].verb);
      await waitFor(() => {
        const group = screen.queryByRole("group", { name: "What can be done with this deploy" });
        const offered =
          group === null
            ? []
            : within(group)
                .getAllByRole("button")
                .map((button) => button.textContent);
        expect(offered, deploy.state).toEqual(names);
      });
      seen.add(deploy.state);
    }
    expect(seen.size).toBeGreaterThan(deployStates.length / 2);
  });

  it("asks before it acts, sends the reason, and shows the new state", async () => {
    const { asked } = await renderApp(midRollout);
    fireEvent.click(await screen.findByRole("button", { name: "Pause" }));
    const dialog = screen.getByRole("dialog", { name: "Pause v1.9.0 on staging?" });
    expect(asked.some((line) => line.startsWith("POST"))).toBe(false);
    fireEvent.change(within(dialog).getByLabelText("Reason"), { target: { value: "looking" } });
    fireEvent.click(within(dialog).getByRole("button", { name: "Pause" }));
    expect(await screen.findByRole("button", { name: "Resume" })).toBeTruthy();
    expect(asked).toContain(`POST /api/v1/admin/deploys/${fixtureId(3, 0)}/pause`);
    expect(screen.queryByRole("dialog")).toBeNull();
  });

  it("does nothing when the question is answered with no", async () => {
    const { asked } = await renderApp(midRollout);
    fireEvent.click(await screen.findByRole("button", { name: "Abort" }));
    fireEvent.click(screen.getByRole("button", { name: "Keep as it is" }));
    expect(screen.queryByRole("dialog")).toBeNull();
    expect(asked.some((line) => line.startsWith("POST"))).toBe(false);
  });

  it("offers nothing to a viewer", async () => {
    await renderApp(midRollout, { role: "viewer" });
    await screen.findByRole("heading", { level: 1 });
    await waitFor(() => expect(screen.queryByRole("button", { name: "Pause" })).toBeNull());
  });

  it("tells a wrong address apart from a failure", async () => {
    await renderApp("/deploys/00000000-0000-4000-8003-999999999999");
    expect((await screen.findByRole("alert")).textContent).toContain("There is no such thing");
  });
});
