import { chromium, type Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findBrowser } from "../../tools/local-stack/find-browser.ts";
import { buildDashboard } from "../../tools/local-stack/programs.ts";
import { waitFor } from "../../tools/local-stack/wait-for.ts";
import { oneTimeLoginLink } from "../../tools/story/login-link.ts";
import { announceRelease } from "../../tools/story/webhook.ts";
import { repositoryRoot, startTestStack, type TestStack } from "../harness/test-stack.ts";

let stack: TestStack;
let browser: Browser;
beforeAll(async () => {
  stack = await startTestStack({ sandboxes: 2, slots: 1, webDir: await buildDashboard(repositoryRoot) });
  await stack.install("v1");
  await stack.call("PUT", "/api/v1/admin/deploys/config", { autoDeployStaging: true, autoDeployProd: false });
  browser = await chromium.launch({
    executablePath: findBrowser(undefined, (line) => console.error(line)),
    args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
  });
});
afterAll(async () => {
  await browser?.close();
  await stack?.close();
});

describe("the dashboard", () => {
  it("shows a rollout from its first host to its last without a reload", async () => {
    const page = await browser.newPage();
    const failures: string[] = [];
    page.on("pageerror", (error) => failures.push(error.message));
    await page.goto(await oneTimeLoginLink(stack));
    await page.getByRole("heading", { name: "Fleet" }).first().waitFor();
    await page.getByText("sandbox-2").first().waitFor();

    const release = await stack.publish("v2");
    const deployId = await announceRelease(stack.apiUrl, stack.keys.webhookSecret, {
      tag: "v2",
      digest: release.digest,
      message: "Fill forms faster",
      environment: "staging",
    });
    // By its own links, not by an address: from here on nothing may load the page again.
    await page.evaluate(() => Object.assign(window, { neverReloaded: true }));
    await page.getByRole("link", { name: "Deploys" }).first().click();
    await page.locator(`a[href="/deploys/${deployId}"]`).first().click();

    const seen = new Map<string, string[]>();
    await waitFor(
      "both hosts to be updated on the page",
      async () => {
        const rows = await page.locator("ol[aria-label=Hosts] > li").evaluateAll((items) =>
          items.map((item) => ({
            name: item.querySelector("h3")?.textContent ?? "",
            step: item.getAttribute("data-step") ?? "",
          })),
        );
        for (const { name, step } of rows) {
          const steps = seen.get(name) ?? [];
          if (steps.at(-1) !== step) seen.set(name, [...steps, step]);
        }
        return rows.length === 2 && rows.every(({ step }) => step === "updated") ? true : undefined;
      },
      { deadlineMs: 90_000, everyMs: 50 },
    );
    await page.getByText("completed").first().waitFor({ timeout: 30_000 });

    expect(await page.evaluate(() => "neverReloaded" in window)).toBe(true);
    // The second host was still waiting while the first was on its way.
    expect([...seen.keys()].sort()).toEqual(["sandbox-1", "sandbox-2"]);
    for (const steps of seen.values()) expect(steps.length).toBeGreaterThan(1);
    expect(failures).toEqual([]);
  });

  it("lets a one-time link in once only", async () => {
    const link = await oneTimeLoginLink(stack);
    const first = await browser.newPage();
    await first.goto(link);
    await first.getByRole("heading", { name: "Fleet" }).first().waitFor();
    const again = await (await browser.newContext()).newPage();
    await again.goto(link);
    await again.getByRole("alert").waitFor();
    expect(new URL(again.url()).pathname).toBe("/login");
  });
});
