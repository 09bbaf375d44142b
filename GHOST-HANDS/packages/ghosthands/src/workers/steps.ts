import type { Step } from "@valet/contracts";
import { assertNever } from "@valet/shared";
import type { Locator, Page } from "playwright-core";

/** What a step may use. Times out from outside: playwright's own clocks would run on while the browser is frozen. */
export interface StepTools {
  page: Page;
  /**
   * Called right before the action itself: compares the deadline and, for a write, obtains a permit. The action follows in the
   * same turn of the event loop.
   */
  commit(): Promise<void>;
  sleep(ms: number): Promise<void>;
  /** Stores a screenshot in the spool. */
  keep(name: string, bytes: Buffer): Promise<void>;
  extracted(name: string, value: unknown): void;
}

/** A step that could not be done, with a code for programs. */
export class StepFailure extends Error {
  override readonly name = "StepFailure";
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

const unlimited = { timeout: 0 };

/** Does one step; waits without end for what is not there yet. */
export async function runStep(step: Step, tools: StepTools): Promise<void> {
  const { page } = tools;
  switch (step.action) {
    case "goto":
      refuseLocal(step.url);
      await tools.commit();
      await page.goto(step.url, { ...unlimited, waitUntil: "domcontentloaded" });
      return;
    case "click": {
      const target = page.locator(step.selector).first();
      // Waits until it can be clicked BEFORE the permit is asked for, so that the click follows the permit at once.
      await target.click({ ...unlimited, trial: true });
      await tools.commit();
      await target.click(unlimited);
      return;
    }
    case "fill": {
      if (typeof step.value !== "string") {
        const message = `the secret "${step.value.secret}" is not known on this host: submit the value itself`;
        throw new StepFailure("secret_not_found", message);
      }
      const target = await present(page, step.selector);
      await tools.commit();
      await target.fill(step.value, unlimited);
      return;
    }
    case "select": {
      const target = await present(page, step.selector);
      await tools.commit();
      await target.selectOption(step.value, unlimited);
      return;
    }
    case "press": {
      const target = await present(page, step.selector);
      await tools.commit();
      await target.press(step.key, unlimited);
      return;
    }
    case "upload": {
      const target = await present(page, step.selector, "attached");
      const buffer = Buffer.from(step.contentBase64, "base64");
      await tools.commit();
      await target.setInputFiles({ name: step.fileName, mimeType: "application/octet-stream", buffer }, unlimited);
      return;
    }
    case "waitFor":
      await tools.commit();
      if (step.selector !== undefined)
        await page
          .locator(step.selector)
          .first()
          .waitFor({ ...unlimited, state: step.state });
      if (step.durationMs !== undefined) await tools.sleep(step.durationMs);
      return;
    case "assert":
      await tools.commit();
      return assertPage(step, page);
    case "extract":
      await tools.commit();
      tools.extracted(step.as, await extract(step, page));
      return;
    case "screenshot":
      await tools.commit();
      await tools.keep(step.as, await page.screenshot({ ...unlimited, fullPage: step.fullPage }));
      return;
    default:
      return assertNever(step);
  }
}

const openable = new Set(["http:", "https:", "data:", "about:"]);

/** Files and the browser's own pages never pass the network, where the rest is judged. */
export function refuseLocal(url: string): void {
  const { protocol } = new URL(url);
  if (!openable.has(protocol)) throw new StepFailure("scheme_not_allowed", `${protocol} addresses may not be opened`);
}

async function present(page: Page, selector: string, state: "visible" | "attached" = "visible"): Promise<Locator> {
  const target = page.locator(selector).first();
  await target.waitFor({ ...unlimited, state });
  return target;
}

/** Waits for it to become true; the step's timeout decides that it will not. */
async function assertPage(step: Extract<Step, { action: "assert" }>, page: Page): Promise<void> {
  if (step.urlIncludes !== undefined) {
    const part = step.urlIncludes;
    await page.waitForURL((url) => url.href.includes(part), { ...unlimited, waitUntil: "commit" });
  }
  if (step.text === undefined && step.selector === undefined) return;
  const all = page.locator(step.selector ?? "body");
  const wanted = step.text === undefined ? all : all.filter({ hasText: exactly(step.text) });
  await wanted.first().waitFor({ ...unlimited, state: "visible" });
}

/** As a regular expression, since a plain string would be compared without regard to case. */
function exactly(text: string): RegExp {
  return new RegExp(
    text
      .trim()
      .replace(/[.*+?^${}()|[\]\\]/g, "\\$&")
      .replace(/\s+/g, "\\s+"),
  );
}

async function extract(step: Extract<Step, { action: "extract" }>, page: Page): Promise<unknown> {
  const all = page.locator(step.selector);
  await all.first().waitFor({ ...unlimited, state: "attached" });
  const targets = step.all ? await all.all() : [all.first()];
  const values: (string | null)[] = [];
  for (const target of targets) {
    values.push(
      step.attribute === undefined
        ? (await target.innerText(unlimited)).trim()
        : await target.getAttribute(step.attribute, unlimited),
    );
  }
  return step.all ? values : values[0];
}
