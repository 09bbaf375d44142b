import { mkdir, mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium, type Browser } from "playwright-core";
import { startFixtureServer } from "./fixture-server.ts";
import type { FixtureOptions } from "./fixture-api.ts";
import { sceneId, sceneNames } from "./fixture-scenes.ts";
import { fixtureId } from "./seeded-random.ts";

type Scene = NonNullable<FixtureOptions["scene"]>;

/** Pages to look at. The number of a task decides its state (see fixture-tasks.ts). */
const pages: { name: string; path: string; scene?: Scene; press?: string; click?: string; plan?: "shown" | "moved" }[] =
  [
    ...sceneNames.map((name) => ({ name: `deploy-${name}`, path: `/deploys/${sceneId(name)}` })),
    { name: "deploy-history", path: `/deploys/${fixtureId(3, 0)}?tab=history` },
    { name: "deploy-settings", path: `/deploys/${sceneId("canaryBaking")}?tab=settings` },
    { name: "plan", path: "/deploys", click: "New deploy", plan: "shown" },
    { name: "plan-moved", path: "/deploys", click: "New deploy", plan: "moved" },
    { name: "compare", path: "/releases/compare?from=v1.8.2&to=v1.9.0" },
    { name: "compare-none", path: "/releases/compare" },
    { name: "rollout", path: "/rollout" },
    { name: "rollout-none", path: "/rollout?environment=staging" },
    { name: "fleet", path: "/fleet" },
    { name: "fleet-big", path: "/fleet", scene: "big" },
    { name: "fleet-empty", path: "/fleet", scene: "empty" },
    { name: "fleet-error", path: "/fleet", scene: "broken" },
    { name: "tasks-loading", path: "/tasks", scene: "slow" },
    { name: "deploys", path: "/deploys" },
    { name: "deploy", path: `/deploys/${fixtureId(3, 0)}` },
    { name: "deploy-abort", path: `/deploys/${fixtureId(3, 0)}`, click: "Abort" },
    { name: "deploy-done", path: `/deploys/${fixtureId(3, 5)}` },
    { name: "deploy-waiting", path: `/deploys/${fixtureId(3, 1)}` },
    { name: "tasks", path: "/tasks?pageSize=1000" },
    { name: "task-running", path: `/tasks/${fixtureId(2, 0)}` },
    { name: "task-failed", path: `/tasks/${fixtureId(2, 9)}` },
    { name: "task-queued", path: `/tasks/${fixtureId(2, 3)}` },
    { name: "task-review", path: `/tasks/${fixtureId(2, 10)}`, click: "Review" },
    { name: "login", path: "/login" },
    { name: "shortcuts", path: "/deploys", press: "?" },
  ];
const looks = [
  { scheme: "light", width: 1280, height: 860 },
  { scheme: "dark", width: 1280, height: 860 },
  { scheme: "light", width: 390, height: 844 },
  { scheme: "dark", width: 390, height: 844 },
] as const;

/** Takes a picture of every page in both themes and widths into a temporary folder. Arguments: the built dashboard, then page names. */
async function main([webDir = "apps/web/dist", ...only]: string[]) {
  const folder = await mkdtemp(join(tmpdir(), "valet-screens-"));
  await mkdir(folder, { recursive: true });
  const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });
  const nowMs = Date.now();
  try {
    for (const page of pages.filter(({ name }) => only.length === 0 || only.includes(name))) {
      for (const look of looks) {
        const server = await startFixtureServer({ nowMs, webDir, scene: page.scene ?? "usual" });
        await shoot(browser, server.url, page, look, folder);
        await server.close();
      }
    }
  } finally {
    await browser.close();
  }
  console.log(folder);
}

async function shoot(
  browser: Browser,
  origin: string,
  page: (typeof pages)[number],
  look: (typeof looks)[number],
  folder: string,
) {
  const context = await browser.newContext({
    viewport: { width: look.width, height: look.height },
    colorScheme: look.scheme,
    deviceScaleFactor: 1,
  });
  const tab = await context.newPage();
  tab.on("console", (message) => {
    if (message.type() === "error" && page.scene !== "broken" && page.plan !== "moved")
      console.error(page.name, message.text());
  });
  tab.on("pageerror", (error) => console.error(page.name, error.message));
  await tab.goto(origin + page.path);
  await tab.waitForTimeout(page.scene === "broken" ? 7_000 : 900);
  if (page.press) await tab.keyboard.press(page.press);
  if (page.click) await tab.getByRole("button", { name: page.click, exact: true }).click();
  if (page.plan) {
    await tab.getByLabel("Image tag").fill("v2.4.0");
    await tab.getByRole("button", { name: "Plan", exact: true }).click();
    await tab.getByRole("list", { name: "Waves" }).waitFor();
  }
  if (page.plan === "moved") {
    await tab.getByRole("button", { name: "Deploy this plan" }).click();
    await tab.getByText("The plan has moved").scrollIntoViewIfNeeded();
  }
  const wide = await tab.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  if (wide > 0) console.error(`${page.name} at ${look.width}: ${wide} px too wide`);
  await tab.screenshot({
    path: join(folder, `${page.name}-${look.width}-${look.scheme}.png`),
    fullPage: !page.name.endsWith("-big") && page.name !== "tasks" && page.name !== "deploy-thousandHosts",
  });
  await context.close();
}

await main(process.argv.slice(2));
