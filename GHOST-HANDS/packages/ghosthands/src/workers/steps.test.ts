import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { useSuite } from "../testing/suite.ts";

const suite = useSuite({});

describe("steps", () => {
  it("does every kind of step, in order, and reports each", async () => {
    const [host, site] = [suite.host(), suite.site()];
    const { taskId, jobId } = await host.submit({
      steps: [
        { action: "goto", url: `${site.url}/form` },
        { action: "fill", selector: "#name", value: "Ada" },
        { action: "select", selector: "#country", value: "fr" },
        {
          action: "upload",
          selector: "#file",
          fileName: "cv.txt",
          contentBase64: Buffer.from("hello").toString("base64"),
        },
        { action: "waitFor", selector: "#size:has-text('cv.txt 5')" },
        { action: "press", selector: "#search", key: "Enter" },
        { action: "assert", selector: "#typed", text: "entered" },
        { action: "screenshot", as: "filled in" },
        { action: "click", selector: "#send", name: "send it" },
        { action: "assert", urlIncludes: "/submit", text: "Thank you" },
        { action: "extract", selector: "#confirmation", as: "confirmation" },
        { action: "goto", url: `${site.url}/` },
        { action: "extract", selector: ".item", as: "ids", attribute: "data-id", all: true },
        { action: "waitFor", durationMs: 20 },
      ],
    });
    const end = await host.finished(taskId);
    expect(end).toMatchObject({ status: "completed", result: { ids: ["1", "2"] } });
    expect(String((end.result as Record<string, unknown>).confirmation)).toMatch(/^C-\d+$/);
    expect(site.requests("/submit").map((request) => request.body)).toEqual(["name=Ada&country=fr"]);

    const events = host.relay.events(taskId);
    expect(events.map((event) => event.seq)).toEqual(events.map((_, index) => index + 1));
    expect(events[0]).toMatchObject({
      type: "attempt_started",
      fence: 1,
      data: { slot: 0, generation: 7, imageTag: "v1" },
    });
    expect(events.filter((event) => event.type === "step_done")).toHaveLength(14);
    // Asked for before each write, and only for those.
    expect([...new Set(host.relay.asks().map((ask) => ask.step_index))]).toEqual([3, 5, 8]);

    const picture = events.find((event) => event.type === "screenshot")?.data;
    expect(picture).toMatchObject({ name: "filled-in.png", contentType: "image/png", stepIndex: 7 });
    const served = await host.client.raw(`/api/v1/gh/artifacts/${taskId}/1/filled-in.png`);
    expect(served.headers.get("content-type")).toBe("image/png");
    const stored = await readFile(join(host.dataDir, "artifacts", `${taskId}.1`, "filled-in.png"));
    expect(Buffer.from(await served.arrayBuffer()).equals(stored)).toBe(true);
    expect((await host.job(jobId)).status).toBe("completed");
  });
});
