import { createServer } from "node:net";
import { createServer as createHttpServer } from "node:http";
import type { AddressInfo } from "node:net";
import { UserError } from "@valet/shared";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type FakeApi, startFakeApi } from "./testing/fake-api.ts";
import { fakeDeploy, fakeSandbox, id, page } from "./testing/fake-views.ts";
import { runValet } from "./testing/run-valet.ts";

let api: FakeApi;
beforeEach(async () => {
  api = await startFakeApi();
});
afterEach(() => api.close());

const refusing = (error: UserError) => () => {
  throw error;
};

describe("a failure is one line that says what failed, on what, and what to do next", () => {
  it("connection refused", async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    const ran = await runValet(["status"], { environment: { VALET_API_URL: `http://127.0.0.1:${port}` } });
    expect(ran).toEqual({
      code: 1,
      stdout: "",
      stderr: `valet: Could not read the status: http://127.0.0.1:${port} cannot be reached (connection refused). Is VALET running there? Start it with "npm start", or correct VALET_API_URL.\n`,
    });
  });

  it("401: the token is not accepted", async () => {
    const ran = await runValet(["deploys", "list"], { api, environment: { VALET_API_TOKEN: "wrong" } });
    expect(ran.code).toBe(1);
    expect(ran.stderr).toBe(
      `valet: Could not list the deploys: the API at ${api.url} does not accept the token. Set VALET_API_TOKEN to a valid token.\n`,
    );
    expect(ran.stderr).not.toContain("wrong");
  });

  it("403: the role is named by the API", async () => {
    api.answers.listTasks = refusing(new UserError("forbidden", "this needs the role operator"));
    const ran = await runValet(["tasks", "list"], { api });
    expect(ran.stderr).toContain("this needs the role operator. Ask an admin for a token");
  });

  it("404: how to see what exists", async () => {
    api.answers.getDeploy = refusing(new UserError("not_found", "no such deploy"));
    const ran = await runValet(["deploys", "show", id("d1d1d1d1")], { api });
    expect(ran.code).toBe(1);
    expect(ran.stderr).toBe(
      `valet: Could not show deploy ${id("d1d1d1d1")}: not found at ${api.url}. List what exists: valet deploys list.\n`,
    );
  });

  it("409: the API's own sentence", async () => {
    api.answers.pauseDeploy = refusing(new UserError("illegal_transition", "a completed deploy cannot become paused"));
    const ran = await runValet(["deploys", "pause", id("d1d1d1d1")], { api });
    expect(ran.stderr).toContain(": a completed deploy cannot become paused. Look at its present state");
  });

  it("422: a line for each field", async () => {
    api.answers.createDeploy = refusing(
      new UserError("validation", "not valid", [
        { field: "imageTag", message: "no release has this tag", code: "custom" },
        { field: "knobs.maxUnavailable", message: "must be 0 start-first", code: "custom" },
      ]),
    );
    const args = ["deploys", "create", "v9", "--environment", "prod", "--json"];
    const ran = await runValet(args, { api });
    expect(ran.code).toBe(1);
    expect(ran.stderr.split("\n")).toEqual([
      "valet: Could not deploy v9 to production: the API does not accept these values. Correct the fields below.",
      "  imageTag: no release has this tag",
      "  knobs.maxUnavailable: must be 0 start-first",
      "",
    ]);
    expect(JSON.parse(ran.stdout)).toMatchObject({ error: "validation", details: [{ field: "imageTag" }, {}] });
  });

  it("429 and 503: when to try again", async () => {
    api.answers.listReleases = refusing(new UserError("rate_limited", "slow down", undefined, 7));
    expect((await runValet(["releases", "list"], { api })).stderr).toContain("too many requests. Try again in 7 s.");
    api.answers.listReleases = refusing(new UserError("unavailable", "the database is away", undefined, 3));
    expect((await runValet(["releases", "list"], { api })).stderr).toContain(
      "(the database is away). Try again in 3 s.",
    );
  });

  it("an answer of an unknown shape: the versions are to be compared", async () => {
    const server = createHttpServer((_request, response) => response.end('{"data":[{"id":1}]}'));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const environment = { VALET_API_URL: `http://127.0.0.1:${port}`, VALET_API_TOKEN: "t" };
    const ran = await runValet(["tasks", "list"], { environment });
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    expect(ran.code).toBe(1);
    expect(ran.stderr).toContain("has an unknown shape (data.0.id");
    expect(ran.stderr).toContain("different versions");
  });

  it("something else that answers there", async () => {
    const server = createHttpServer((_request, response) => response.writeHead(404).end("<html>not found</html>"));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const environment = { VALET_API_URL: `http://127.0.0.1:${port}`, VALET_API_TOKEN: "t" };
    const ran = await runValet(["tasks", "list"], { environment });
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    expect(ran.code).toBe(1);
    expect(ran.stderr).toContain("not found at http://127.0.0.1");
  });

  it("no configuration at all", async () => {
    const ran = await runValet(["status"]);
    expect(ran.code).toBe(2);
    expect(ran.stderr).toContain("No VALET API is named. Set VALET_API_URL and VALET_API_TOKEN");
  });
});

describe("short ids", () => {
  it("are accepted when unique, names too", async () => {
    const one = fakeSandbox();
    const two = fakeSandbox({ id: id("aaaabbbb"), name: "sandbox-2" });
    api.answers.listSandboxes = () => page([one, two]);
    api.answers.getSandbox = ({ params }) => (params.id === two.id ? two : one);
    for (const given of ["aaaab", "AAAABBBB", "sandbox-2", two.id]) {
      const ran = await runValet(["sandboxes", "show", given, "--json"], { api });
      expect(JSON.parse(ran.stdout)).toMatchObject({ name: "sandbox-2" });
    }
    const both = await runValet(["sandboxes", "show", "aaaa"], { api });
    expect(both.code).toBe(2);
    expect(both.stderr).toContain(
      `"aaaa" is the beginning of 2 sandbox ids: ${one.id}, ${two.id}. Give more characters.`,
    );
    const none = await runValet(["sandboxes", "show", "ffff"], { api });
    expect(none.code).toBe(1);
    expect(none.stderr).toContain('No sandbox found for "ffff". List what exists: valet sandboxes list.');
  });

  it("are looked for on every page", async () => {
    const late = fakeDeploy({ id: id("eeeeeeee") });
    api.answers.listDeploys = ({ query }) => page(query.page === 2 ? [late] : [fakeDeploy()], 2);
    api.answers.getDeploy = () => late;
    const ran = await runValet(["deploys", "show", "eeee", "--json"], { api });
    expect(JSON.parse(ran.stdout)).toMatchObject({ id: late.id });
  });
});
