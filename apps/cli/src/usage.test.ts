import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type FakeApi, startFakeApi } from "./testing/fake-api.ts";
import { fakeSandbox, id, page } from "./testing/fake-views.ts";
import { runValet } from "./testing/run-valet.ts";

let api: FakeApi;
beforeAll(async () => {
  api = await startFakeApi({ listSandboxes: () => page([fakeSandbox()]) });
});
afterAll(() => api.close());

const task = id("7a7a7a7a");
const deploy = id("d1d1d1d1");
const complete = ["--environment", "dev", "--public-ip", "10.0.0.1", "--identity-file", "new.env"];
const long = "x".repeat(501);

/** Each line: the arguments, and words that the one line on stderr must hold. */
const table: [args: string[], words: string[]][] = [
  [["nope"], ["Unknown command 'nope'"]],
  [["statu"], ["Did you mean status?"]],
  [["status", "extra"], ["Too many arguments"]],
  [["status", "--nope"], ["Unknown option '--nope'"]],
  [
    ["status", "--api-url", "ftp://x"],
    ["--api-url", "http:// or https://"],
  ],
  [
    ["status", "--api-url"],
    ["--api-url", "argument missing"],
  ],
  [["status", "--token", "t"], ["Unknown option '--token'"]],

  [
    ["sandboxes", "list", "--page", "0"],
    ["--page", "from 1 to 100000"],
  ],
  [
    ["sandboxes", "list", "--page", "1.5"],
    ["--page", "whole number"],
  ],
  [
    ["sandboxes", "list", "--page", "1e3"],
    ["--page", "whole number"],
  ],
  [
    ["sandboxes", "list", "--page-size", "1001"],
    ["--page-size", "from 1 to 1000"],
  ],
  [
    ["sandboxes", "list", "--search", " "],
    ["--search", "blank"],
  ],
  [
    ["sandboxes", "list", "--search", long],
    ["--search", "at most 200"],
  ],
  [
    ["sandboxes", "list", "--sort-by", "token"],
    ["--sort-by", "name, createdAt, status, environment, capacity"],
  ],
  [
    ["sandboxes", "list", "--sort-order", "up"],
    ["--sort-order", "asc, desc"],
  ],
  [
    ["sandboxes", "list", "--environment", "qa"],
    ["--environment", "dev, staging, production"],
  ],
  [
    ["sandboxes", "list", "--status", "idle"],
    ["--status", "provisioning, active"],
  ],
  [["sandboxes", "show"], ["Missing required argument 'sandbox'"]],
  [["sandboxes", "add", ...complete], ["Missing required argument 'name'"]],
  [
    ["sandboxes", "add", "one", "--environment", "dev", "--public-ip", "10.0.0.1"],
    ["--identity-file", "not specified"],
  ],
  [
    ["sandboxes", "add", " ", ...complete],
    ["'name'", "blank"],
  ],
  ...(
    [
      ["--instance-id", " ", "blank"],
      ["--instance-type", "m5.huge", "t3.medium, t3.large, t3.xlarge, local"],
      ["--browser-engine", "netscape", "chromium, adspower"],
      ["--capacity", "0", "from 1 to 100"],
      ["--agent-port", "65536", "from 1 to 65535"],
      ["--label", "zone", "NAME=VALUE"],
      ["--public-ip", "", "blank"],
      ["--environment", "", "dev, staging, production"],
    ] as const
  ).map(([flag, value, words]): [string[], string[]] => [
    ["sandboxes", "add", "one", flag, value],
    [flag, words],
  ]),
  [
    ["sandboxes", "add", "one", "--label", "a=1", "--label", "a=2"],
    ["--label", "a is given twice"],
  ],
  [
    ["sandboxes", "cordon", "sandbox-1", "--reason", long],
    ["--reason", "at most 500"],
  ],
  [
    ["sandboxes", "cordon", "sandbox-1", "--holder", ""],
    ["--holder", "blank"],
  ],
  [
    ["sandboxes", "uncordon", "sandbox-1", "--holder", "h".repeat(101)],
    ["--holder", "at most 100"],
  ],

  [["tasks", "submit"], ["No task is given"]],
  [["tasks", "submit", "missing.json"], ["Could not read missing.json (ENOENT)"]],
  [["tasks", "submit", "a.json", "--url", "https://example.com"], ["exclude each other"]],
  [
    ["tasks", "submit", "--url", "example.com"],
    ["--url", "http:// or https://"],
  ],
  [["tasks", "submit", "--steps", "[{"], ["--steps is not JSON"]],
  [["tasks", "submit", "--steps", "@missing.json"], ["Could not read missing.json"]],
  [
    ["tasks", "submit", "--steps", "[]"],
    ["The task is not valid", "steps:"],
  ],
  [["tasks", "submit", "--steps", '[{"action":"evaluate"}]'], ["steps.0.action:"]],
  [
    ["tasks", "submit", "--steps", '[{"action":"click","selector":"a","tiemoutMs":1}]'],
    ["steps.0:", "tiemoutMs"],
  ],
  [["tasks", "submit", "-"], ["Standard input is not JSON"]],
  [
    ["tasks", "submit", "-", "--environment", "qa"],
    ["--environment", "dev, staging, production"],
  ],
  [
    ["tasks", "submit", "-", "--priority", "3601"],
    ["--priority", "from -3600 to 3600"],
  ],
  [
    ["tasks", "submit", "-", "--timeout-ms", "10"],
    ["--timeout-ms", "from 1000 to 3600000"],
  ],
  [
    ["tasks", "submit", "-", "--restart", "maybe"],
    ["--restart", "review, safe"],
  ],
  [
    ["tasks", "submit", "-", "--metadata", "=x"],
    ["--metadata", "NAME=VALUE"],
  ],
  [
    ["tasks", "submit", "-", "--idempotency-key", "a b"],
    ["--idempotency-key", "printable characters"],
  ],
  [
    ["tasks", "list", "--state", "pending"],
    ["--state", "queued, assigned"],
  ],
  [["tasks", "show", "xyz"], ['"xyz" is not the id of a task']],
  [["tasks", "show", "abc"], ["at least its first four characters"]],
  [
    ["tasks", "cancel", task, "--reason", long],
    ["--reason", "at most 500"],
  ],
  [
    ["tasks", "retry", task, "--reason", ""],
    ["--reason", "blank"],
  ],
  [
    ["tasks", "review", task],
    ["--decision", "not specified"],
  ],
  [
    ["tasks", "review", task, "--decision", "maybe"],
    ["--decision", "completed, failed, restart"],
  ],
  [
    ["tasks", "review", task, "--decision", "failed", "--note", ""],
    ["--note", "blank"],
  ],
  [["tasks", "why"], ["Missing required argument 'task'"]],
  [["tasks", "events"], ["Missing required argument 'task'"]],

  [
    ["deploys", "list", "--service", "nginx"],
    ["--service", "ghosthands, valet-worker"],
  ],
  [
    ["deploys", "list", "--state", "running"],
    ["--state", "awaiting_trigger"],
  ],
  [
    ["deploys", "list", "--environment", "PROD"],
    ["--environment", "dev, staging, production"],
  ],
  [["deploys", "show", "not-an-id"], ["is not the id of a deploy"]],
  [
    ["deploys", "create", "v2"],
    ["--environment", "not specified"],
  ],
  [
    ["deploys", "create", "v 2", "--environment", "staging"],
    ["'tag'", "1 to 128 letters"],
  ],
  [
    ["deploys", "create", "v2", "--environment", "staging", "--image-digest", "abc"],
    ["--image-digest", "64 hex digits"],
  ],
  [
    ["deploys", "create", "v2", "--environment", "staging", "--service", "x"],
    ["--service", "ghosthands"],
  ],
  [
    ["deploys", "create", "v2", "--environment", "staging", "--knob", "speed=9"],
    ["--knob speed is not a knob", "maxParallel"],
  ],
  [["deploys", "create", "v2", "--environment", "staging", "--knob", "maxParallel=0"], ["--knob maxParallel"]],
  [
    ["deploys", "create", "v2", "--environment", "staging", "--knob", "order=fast"],
    ["--knob order", "start-first"],
  ],
  [["deploys", "create", "v2", "--environment", "staging", "--sandbox", "x y"], ['No sandbox found for "x y"']],
  [
    ["deploys", "create", "v2", "--environment", "staging", "--reason", long],
    ["--reason", "at most 500"],
  ],
  [["deploys", "trigger", deploy, "--knob", "maxParallel=two"], ["--knob maxParallel"]],
  [
    ["deploys", "pause", deploy, "--revision", "-1"],
    ["--revision", "from 0"],
  ],
  [["deploys", "resume", deploy, "--knob", "a=b"], ["Unknown option '--knob'"]],
  [
    ["deploys", "abort", deploy, "--reason", ""],
    ["--reason", "blank"],
  ],
  [["deploys", "retry"], ["Missing required argument 'deploy'"]],
  [
    ["deploys", "rollback", deploy, "--to-digest", "latest"],
    ["--to-digest", "64 hex digits"],
  ],
  [
    ["deploys", "config", "--auto-deploy-prod", "yes"],
    ["--auto-deploy-prod", "on, off"],
  ],
  [
    ["deploys", "config", "--auto-deploy-staging", "1"],
    ["--auto-deploy-staging", "on, off"],
  ],

  [
    ["releases", "list", "--service", "x"],
    ["--service", "ghosthands"],
  ],
  [
    ["releases", "list", "--sort-by", "state"],
    ["--sort-by", "createdAt, version"],
  ],

  [
    ["agent", "curl", "FETCH", "/health"],
    ["'method'", "GET, POST"],
  ],
  [
    ["agent", "curl", "GET", "health"],
    ["'path'", "begins with /"],
  ],
  [["agent", "curl", "GET", "/health"], ["No agent key is given"]],
  [["agent", "curl", "GET", "/health", "--host", "a/b"], ["--host a/b"]],
  [["agent", "curl", "GET", "/health", "--host", "user@a"], ["--host user@a"]],
  [["agent", "curl", "GET", "/health", "--key-file", "missing"], ["--key-file: could not read missing"]],
  [["agent", "curl", "GET", "/health", "--key", "k"], ["Unknown option '--key'"]],
  [
    ["agent", "curl", "GET", "/health", "--timeout-ms", "0"],
    ["--timeout-ms", "from 1 to 600000"],
  ],
];

describe("bad input", () => {
  it.each(table)("valet %j is refused and says what is allowed", async (args, words) => {
    const before = api.calls.filter(({ route }) => !route.startsWith("list")).length;
    const ran = await runValet(args, { api, stdin: "{oops" });
    // What the API must be asked for (a name) may be missing there: that is a failure, not wrong usage.
    expect(ran.code).toBe(words[0]?.startsWith("No sandbox found") ? 1 : 2);
    expect(ran.stdout).toBe("");
    expect(ran.stderr).toMatch(/^valet: [^\n]+\n( {2}[^\n]+\n)*$/);
    for (const word of words) expect(ran.stderr).toContain(word);
    expect(ran.stderr).not.toMatch(/\bat .*\.ts:\d/);
    expect(api.calls.filter(({ route }) => !route.startsWith("list"))).toHaveLength(before);
  });

  it("with --json is one JSON document on stdout too", async () => {
    const ran = await runValet(["tasks", "submit", "--steps", "[]", "--json"], { api });
    expect(ran.code).toBe(2);
    expect(JSON.parse(ran.stdout)).toMatchObject({ error: "validation", details: [{ field: "steps" }] });
    const unknown = await runValet(["tasks", "sbumit", "--json"], { api });
    expect(JSON.parse(unknown.stdout)).toMatchObject({ error: "usage" });
  });

  it("a group without a command lists its commands and ends with 2", async () => {
    for (const group of ["sandboxes", "tasks", "deploys", "releases", "agent"]) {
      const ran = await runValet([group], { api });
      expect(ran.code).toBe(2);
      expect(ran.stderr).toContain("Commands:");
    }
    expect((await runValet([])).code).toBe(2);
  });

  it("--help and --version end with 0 and need no configuration", async () => {
    expect(await runValet(["--version"])).toMatchObject({ code: 0, stdout: "0.1.0\n", stderr: "" });
    const help = await runValet(["deploys", "create", "--help"]);
    expect(help.code).toBe(0);
    expect(help.stdout).toContain("--json");
    expect(help.stderr).toBe("");
  });
});
