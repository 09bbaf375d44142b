import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { taskSubmitSchema } from "@valet/contracts";
import { chromium, type Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findBrowser } from "../../local-stack/find-browser.ts";
import { applicationTask, readTask } from "./tasks.ts";

let folder: string;
let site: ChildProcess;
let siteUrl: string;

async function start(): Promise<void> {
  site = spawn(process.execPath, ["--import", "tsx", "--conditions=source", join(import.meta.dirname, "main.ts")], {
    env: { PATH: process.env.PATH, SITE_PORT: "0", SITE_LOG: join(folder, "submissions.jsonl") },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [line] = (await once(site.stdout!, "data")) as [Buffer];
  siteUrl = `http://127.0.0.1:${(JSON.parse(line.toString()) as { port: number }).port}`;
}

async function post(reference: string): Promise<string> {
  const form = new FormData();
  form.set("reference", reference);
  form.set("firstName", "<b>Ada</b>");
  form.set("document", new File(["0123456789"], "cv.txt"));
  const answer = await fetch(`${siteUrl}/applications`, { method: "POST", body: form });
  expect(answer.status).toBe(201);
  return answer.text();
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "site-"));
  await start();
});
afterAll(async () => {
  site.kill("SIGKILL");
  await rm(folder, { recursive: true, force: true });
});

describe("the demo site", () => {
  it("logs every submission on disk, the same twice as two, also across kill -9", async () => {
    expect(await post("a-1")).toContain("NW-000001");
    const page = await post("a-1");
    expect(page).toContain("NW-000002");
    expect(page).toContain("&lt;b&gt;Ada");
    const ended = once(site, "exit");
    site.kill("SIGKILL");
    await ended;
    await start();
    await post("a-2");
    const lines = (await readFile(join(folder, "submissions.jsonl"), "utf8")).trim().split("\n");
    expect(lines.map((line) => (JSON.parse(line) as { reference: string }).reference)).toEqual(["a-1", "a-1", "a-2"]);
    expect(await (await fetch(`${siteUrl}/submissions?reference=a-1`)).json()).toMatchObject({
      count: 2,
      submissions: [{ document: { name: "cv.txt", bytes: 10 } }, {}],
    });
    expect((await fetch(`${siteUrl}/nothing`)).status).toBe(404);
  });

  it("hands out tasks that VALET accepts, with one write each at most", () => {
    const task = taskSubmitSchema.parse(applicationTask({ siteUrl, reference: "r-1", seconds: 20 }));
    expect(task.steps.filter((step) => step.action === "click" && step.effect !== "read")).toHaveLength(1);
    const waitedMs = task.steps.reduce(
      (sum, step) => sum + (step.action === "waitFor" ? (step.durationMs ?? 0) : 0),
      0,
    );
    expect(waitedMs).toBeGreaterThan(18_000);
    expect(waitedMs).toBeLessThan(20_000);
    expect(taskSubmitSchema.safeParse(readTask({ siteUrl })).success).toBe(true);
  });

  it("can be filled in by hand, and insists on what is required", async () => {
    let browser: Browser | undefined;
    try {
      browser = await chromium.launch({
        executablePath: findBrowser(undefined, () => undefined),
        args: ["--no-sandbox"],
      });
      const page = await browser.newPage();
      await page.goto(`${siteUrl}/apply?ref=by-hand`);
      await page.click("#next-1");
      expect(await page.isVisible("#position")).toBe(false);
      await page.fill("#first-name", "Grace");
      await page.fill("#last-name", "Hopper");
      await page.fill("#email", "grace@example.com");
      await page.click("#next-1");
      await page.fill("#motivation", "Nanoseconds.");
      await page.click("#next-2");
      await page.setInputFiles("#document", { name: "cv.txt", mimeType: "text/plain", buffer: Buffer.from("cv") });
      await page.click("#next-3");
      expect(await page.innerText("#review-document")).toBe("cv.txt (2 bytes)");
      await page.click("#submit");
      expect(await page.innerText("#confirmation-number")).toMatch(/^NW-\d{6}$/);
    } finally {
      await browser?.close();
    }
  });
});
