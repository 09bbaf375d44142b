import { mkdir, mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium, type Browser } from "playwright-core";
import { startFixtureServer } from "./fixture-server.ts";
import type { FixtureOptions } from "./fixture-api.ts";
import { fixtureId } from "./seeded-random.ts";

type Scene = NonNullable<FixtureOptions["scene"]>;

/** Pages to look at. The number of a task decides its state (see fixture-tasks.ts). */
const pages: { name: string; path: string; scene?: Scene; press?: string; click?: string }[] = [
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
      const server = await startFixtureServer({ nowMs, webDir, scene: page.scene ?? "usual" });
      for (const look of looks) await shoot(browser, server.url, page, look, folder);
      await server.close();
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
    if (message.type() === "error" && page.scene !== "broken") console.error(page.name, message.text());
  });
  tab.on("pageerror", (error) => console.error(page.name, error.message));
  await tab.goto(origin + page.path);
  await tab.waitForTimeout(page.scene === "broken" ? 7_000 : 900);
  if (page.press) await tab.keyboard.press(page.press);
  if (page.click) await tab.getByRole("button", { name: page.click, exact: true }).click();
  const wide = await tab.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  if (wide > 0) console.error(`${page.name} at ${look.width}: ${wide} px too wide`);
  await tab.screenshot({
    path: join(folder, `${page.name}-${look.width}-${look.scheme}.png`),
    fullPage: !page.name.endsWith("-big") && page.name !== "tasks",
  });
  await context.close();
}

await main(process.argv.slice(2));
