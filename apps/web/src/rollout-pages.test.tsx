// @vitest-environment happy-dom
import { fireEvent, screen, within } from "@testing-library/react";
import { expect, it } from "vitest";
import { renderApp } from "./testing/render-app.tsx";
import { fixtureId } from "./testing/seeded-random.ts";

it("shows an environment's rollout.yml: version, author, freeze, windows and what a deploy goes by", async () => {
  await renderApp("/rollout");
  expect(await screen.findByText(/Frozen now by “weekend”/)).toBeTruthy();
  expect(screen.getByText("maria")).toBeTruthy();
  const freezes = within(screen.getByRole("list", { name: "Freezes" })).getAllByRole("listitem");
  expect(freezes[0]?.textContent).toContain("every fri from 18:00 to 06:00, Europe/Berlin");
  expect(freezes[1]?.textContent).toContain("deploys under way pause");
  expect(screen.getByText("1 at 25 % for 10 min; 50% at 100 % for 30 min")).toBeTruthy();
});

it("says that nothing is configured where nothing is", async () => {
  await renderApp("/rollout?environment=staging");
  expect(await screen.findByText("No rollout.yml is stored")).toBeTruthy();
});

it("compares two releases: clocks, capacity, tasks lost, failures and durations", async () => {
  await renderApp("/releases/compare?from=v1.8.2&to=v1.9.0");
  const rows = within(await screen.findByRole("table", { name: "Comparison" })).getAllByRole("row");
  const texts = rows.map((row) => row.textContent);
  expect(texts).toContain("All new work on it after3 min 04 s–");
  expect(texts).toContain("Tasks failed1.3 % (41 of 3120)4.2 % (9 of 212)");
  expect(screen.getByText(/131 % of the time/)).toBeTruthy();
});

it("asks for two releases before it compares", async () => {
  const { asked } = await renderApp("/releases/compare");
  expect(await screen.findByText("Choose two releases")).toBeTruthy();
  expect(asked.some((line) => line.includes("/releases/compare"))).toBe(false);
});

it("tells a deploy's history: who decided what, and what was seen before it", async () => {
  await renderApp(`/deploys/${fixtureId(3, 0)}?tab=history`);
  const entries = within(await screen.findByRole("list", { name: "History" })).getAllByRole("listitem");
  expect(entries[0]?.textContent).toContain("Resumed");
  expect(entries[0]?.textContent).toContain("maria");
  const summary = entries[0]?.querySelector("summary");
  if (summary) fireEvent.click(summary);
  expect(entries[0]?.textContent).toContain("7 hosts seen changed");
  expect(entries[0]?.textContent).toContain("2 of 4 on generation 8");
});
