import { chromium, type Browser, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findBrowser } from "../../tools/local-stack/find-browser.ts";
import { buildDashboard } from "../../tools/local-stack/programs.ts";
import { oneTimeLoginLink } from "../../tools/story/login-link.ts";
import { repositoryRoot, startTestStack, type TestStack } from "../harness/test-stack.ts";

const rollout = `version: 1
environments:
  staging:
    services:
      ghosthands:
        strategy: canary
        autoPromote: false
        minHealthyMs: 300
        canarySteps:
          - { hosts: 1, taskSharePct: 50, bakeMs: 3000 }
          - { hosts: 1, taskSharePct: 100, bakeMs: 1000 }
        analysis:
          looks: [{ tasksPerArm: 3, share: 1 }]
          minSample: 3
          windowMs: 1000
          metrics: { failureRate: { share: 1 }, durationMs: null }
`;
const phone = { width: 390, height: 844 };

let stack: TestStack;
let browser: Browser;
beforeAll(async () => {
  stack = await startTestStack({ sandboxes: 2, slots: 2, webDir: await buildDashboard(repositoryRoot) });
  await stack.install("v1");
  await stack.call("PUT", "/api/v1/admin/rollout-config/staging", { source: rollout, expectedVersion: 0 });
  browser = await chromium.launch({
    executablePath: findBrowser(undefined, (line) => console.error(line)),
    args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
  });
});
afterAll(async () => {
  await browser?.close();
  await stack?.close();
});

describe("the dashboard, of a real canary", () => {
  it("shows its bake, a pause, its analysis and each promotion as they happen, on a phone too", async () => {
    const failures: string[] = [];
    const wide = await signedIn({ width: 1280, height: 900 }, failures);
    const narrow = await signedIn(phone, failures);
    await stack.publish("v2");
    const id = await stack.startDeploy("v2", {});
    await wide.getByRole("link", { name: "Deploys" }).first().click();
    await wide.locator(`a[href="/deploys/${id}"]`).first().click();
    await narrow.goto(`${stack.apiUrl}/deploys/${id}`);
    // From here on nothing may load a page again.
    for (const page of [wide, narrow]) await page.evaluate(() => Object.assign(window, { neverReloaded: true }));

    await stage(wide, "Step 1", "current")
      .getByText(/\d s left|bake is over/)
      .waitFor();
    await wide.getByText("1 host, 50 % of its tasks").first().waitFor();
    await wide.getByRole("heading", { name: "Analysis" }).waitFor();
    expect(await slotsOf("v2")).toBe(1);

    await act(wide, "Pause", "a look at it first");
    for (const page of [wide, narrow]) await page.getByText("Paused: a person decides").waitFor();
    await wide.getByText("a look at it first").first().waitFor();
    await act(narrow, "Resume");
    await wide.getByText("Paused: a person decides").waitFor({ state: "detached" });

    await act(wide, "Promote");
    for (const page of [wide, narrow]) await stage(page, "Step 2", "current").waitFor();
    await stage(wide, "Step 1", "done").waitFor();
    // The last step is not passed before the analysis has its tasks of both releases.
    await wide
      .getByText(/Waits for .*3/)
      .first()
      .waitFor();
    expect(await wide.getByRole("button", { name: "Promote" }).count()).toBe(0);
    const tasks = await Promise.all(Array.from({ length: 12 }, () => stack.submitApplication(1)));
    for (const page of [wide, narrow]) {
      await page.getByRole("region", { name: "Analysis" }).getByText("successful").first().waitFor();
    }
    expect((await stack.deploy(id)).hostsUpdated).toBe(1);

    await act(narrow, "Promote");
    for (const page of [wide, narrow]) await page.getByText("completed", { exact: true }).first().waitFor();
    expect(await slotsOf("v2")).toBe(4);
    expect([...(await stack.untilEnded(tasks)).values()].every((state) => state === "completed")).toBe(true);

    for (const page of [wide, narrow]) {
      expect(await page.evaluate(() => "neverReloaded" in window)).toBe(true);
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      expect(overflow).toBeLessThanOrEqual(0);
    }
    expect(failures).toEqual([]);
  });
});

async function signedIn(viewport: { width: number; height: number }, failures: string[]): Promise<Page> {
  const page = await (await browser.newContext({ viewport })).newPage();
  page.setDefaultTimeout(60_000);
  page.on("pageerror", (error) => failures.push(error.message));
  await page.goto(await oneTimeLoginLink(stack));
  await page.getByRole("heading", { name: "Fleet" }).first().waitFor();
  return page;
}

/** One stage of the strip, once it has this mark. */
function stage(page: Page, title: string, mark: "done" | "current" | "ahead") {
  return page.locator(`ol[aria-label=Stages] > li[data-mark=${mark}]`).filter({ hasText: title });
}

/** Presses a button of the deploy, gives a reason, and confirms. */
async function act(page: Page, verb: string, reason = "test"): Promise<void> {
  await page
    .getByRole("group", { name: "What can be done with this deploy" })
    .getByRole("button", { name: verb })
    .click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Reason").fill(reason);
  await dialog.getByRole("button", { name: verb }).click();
  await dialog.waitFor({ state: "detached" });
}

async function slotsOf(tag: string): Promise<number> {
  const rows = await stack.rows(
    `SELECT 1 FROM slots l JOIN generations g ON g.sandbox_id = l.sandbox_id AND g.number = l.generation WHERE g.image_tag = $1`,
    [tag],
  );
  return rows.length;
}
