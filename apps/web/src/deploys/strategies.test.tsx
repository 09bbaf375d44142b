// @vitest-environment happy-dom
import { screen, within } from "@testing-library/react";
import { describe, expect, it } from "vitest";
import { sceneId, type SceneName } from "../testing/fixture-scenes.ts";
import { renderApp } from "../testing/render-app.tsx";

async function open(scene: SceneName) {
  const app = await renderApp(`/deploys/${sceneId(scene)}`);
  await screen.findByRole("heading", { level: 1 });
  return app;
}
const stages = () =>
  within(screen.getByRole("list", { name: "Stages" }))
    .getAllByRole("listitem")
    .map((stage) => stage.textContent);
const button = (name: string) => screen.queryByRole<HTMLButtonElement>("button", { name });

describe("a canary that bakes", () => {
  it("shows its steps: done, baking with the time left, and what comes", async () => {
    await open("canaryBaking");
    expect(stages()).toEqual([
      "Step 1done1 host, 25 % of its tasksbakes 10 min",
      "Step 2now2 hosts, 50 % of their tasksbakes 15 min6 min 12 s left",
      "Step 3to come4 hosts, 100 % of their tasksbakes 30 min",
      "The restto come0 of 8 updated2 hosts at once",
      "Settleto comelast old tasks endhealthy for 5 s",
    ]);
    expect(button("Pause")).toBeTruthy();
    expect(button("Promote")).toBeNull();
  });

  it("shows both arms, what the test found, what the look may spend, and what it waits for", async () => {
    await open("canaryBaking");
    const analysis = screen.getByRole("region", { name: "Analysis" });
    expect(analysis.textContent).toContain("look 2 of 3");
    expect(analysis.textContent).toContain("Waits for look 3 of 3: 14 of 20 tasks have ended in each arm");
    expect(analysis.textContent).toContain(
      "Tasks that ran on v2.0.0 against tasks that ran at the same time on v1.8.2",
    );
    const [rate] = within(within(analysis).getByRole("list", { name: "Metrics" })).getAllByRole("listitem");
    expect(rate?.textContent).toContain("Canary1 of 1010 %, 2 still running");
    expect(rate?.textContent).toContain("Control1 of 313 %");
    expect(rate?.textContent).toContain("p 0.432; this look fails it at 0.008 or less");
    expect(within(within(analysis).getByRole("list", { name: "Looks" })).getAllByRole("listitem")).toHaveLength(2);
  });
});

describe("the verdicts of an analysis", () => {
  it("failed: says why, and which hosts are back", async () => {
    await open("canaryFailed");
    expect(screen.getByRole("region", { name: "Analysis" }).textContent).toContain("failed7 of 10 failed");
    expect(stages().at(-1)).toBe("Go backnow1 of 2 hosts backto v1.8.2");
  });

  it("inconclusive: a person decides, and reads what each choice does", async () => {
    await open("inconclusive");
    const choices = screen.getByRole("region", { name: "What each choice does" });
    expect(
      within(choices)
        .getAllByRole("term")
        .map((term) => term.textContent),
    ).toEqual(["Promote", "Resume", "Abort", "Roll back"]);
    expect(choices.textContent).toContain("judged again, by tasks that start from now on");
    expect(button("Promote")?.disabled).toBe(false);
  });

  it("error: is never shown as a success", async () => {
    await open("analysisError");
    const analysis = screen.getByRole("region", { name: "Analysis" });
    expect(analysis.textContent).toContain("nothing to test");
    expect(analysis.textContent).not.toContain("successful");
  });
});

describe("whom a deploy waits for", () => {
  it("offers promote when the switch waits for it, and says how many hosts are verified", async () => {
    await open("switchWaits");
    expect(stages().slice(0, 2)).toEqual([
      "Verify besidedone8 of 8 hosts verifiedno task on it yet",
      "Switchnowall hosts at oncewaits for promote",
    ]);
    expect(button("Promote")).toBeTruthy();
  });

  it("lets a second person approve", async () => {
    await open("awaitsApproval");
    expect((await screen.findByRole<HTMLButtonElement>("button", { name: "Approve" })).disabled).toBe(false);
    expect(screen.getByText("Waits for approval by 1 more person")).toBeTruthy();
  });

  it("does not let somebody approve what they asked for, and says so", async () => {
    await open("ownApproval");
    const approve = await screen.findByRole<HTMLButtonElement>("button", { name: "Approve" });
    expect(approve.disabled).toBe(true);
    const why = document.getElementById(approve.getAttribute("aria-describedby") ?? "");
    expect(why?.textContent).toBe("You asked for this deploy: another person must approve it.");
  });

  it("says until when a freeze holds it", async () => {
    await open("frozen");
    expect(screen.getByText(/Frozen by “weekend” until/)).toBeTruthy();
  });
});

it("draws only the hosts near the screen of 1,000", async () => {
  await open("thousandHosts");
  const hosts = screen.getByRole("list", { name: "Hosts" });
  expect(within(hosts).getAllByRole("listitem").length).toBeLessThan(60);
  expect(hosts.querySelector("li")?.getAttribute("aria-setsize")).toBe("1000");
});
