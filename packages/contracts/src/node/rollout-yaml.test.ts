import { describe, expect, it } from "vitest";
import { parseRolloutYaml, yamlProblemText } from "./rollout-yaml.ts";

const problemsOf = (text: string): string[] => {
  const parsed = parseRolloutYaml(text);
  return parsed.ok ? [] : parsed.error.map(yamlProblemText);
};
const production = (lines: string): string =>
  `version: 1\nenvironments:\n  production:\n${lines
    .split("\n")
    .map((line) => `    ${line}`)
    .join("\n")}\n`;

describe("rollout.yml", () => {
  it("is read as YAML, and as JSON", () => {
    const parsed = parseRolloutYaml(
      production("approvals: 2 # two people\nservices: { ghosthands: { strategy: canary } }"),
    );
    expect(parsed.ok && parsed.value.environments.production).toEqual({
      approvals: 2,
      freezes: [],
      defaults: {},
      services: { ghosthands: { strategy: "canary" } },
    });
    expect(parseRolloutYaml('{"version": 1, "environments": {"dev": {}}}').ok).toBe(true);
  });

  it("names the key that is wrong, its line and column, and what is allowed", () => {
    expect(problemsOf(production("services:\n  ghosthands:\n    maxParallel: 0"))).toEqual([
      "line 6, column 22: environments.production.services.ghosthands.maxParallel: must be at least 1",
    ]);
    expect(problemsOf(production("services:\n  ghosthands:\n    maxParalel: 2"))[0]).toMatch(
      /^line 6, column 9: environments\.production\.services\.ghosthands\.maxParalel: there is no such key; allowed here: strategy, order, maxParallel, /,
    );
    expect(problemsOf("version: 1\nenvironments:\n  prod: {}\n")).toEqual([
      "line 3, column 3: environments.prod: there is no such key; allowed here: dev, staging, production",
    ]);
    expect(problemsOf("version: 2\nenvironments: {}\n")).toEqual(["line 1, column 10: version: must be 1"]);
    expect(problemsOf("environments: {}\n")).toEqual(["line 1, column 1: version: is missing: must be 1"]);
  });

  it.each([
    ["maxParallel: '0%'", "maxParallel: must be from 1% to 100%"],
    ["maxParallel: 101%", "maxParallel: must be from 1% to 100%"],
    [
      "maxParallel: many",
      'maxParallel: must be a whole number of hosts (at least 1), or a share of them such as "25%"',
    ],
    ["maxUnavailable: -1", "maxUnavailable: must be at least 0"],
    ["strategy: bluegreen", "strategy: must be one of rolling, canary, blue-green"],
    ["autoPromote: sometimes", "autoPromote: must be true or false"],
    ["minHealthyMs: 1.5", "minHealthyMs: must be a whole number"],
    ["drainTimeoutMs: 90000000", "drainTimeoutMs: must be at most 86400000"],
    ["canarySteps: []", "canarySteps: must be at least 1 entry"],
    ["canarySteps: [{ hosts: 1 }]", "canarySteps.0.bakeMs: is missing: must be a number"],
    ["canarySteps: [{ hosts: 1, bakeMs: 0, taskSharePct: 0 }]", "canarySteps.0.taskSharePct: must be at least 1"],
    [
      "canarySteps: [{ hosts: 2, bakeMs: 0 }, { hosts: 1, bakeMs: 0 }]",
      "canarySteps.1.hosts: must not be fewer than the step before it (2)",
    ],
    [
      "canarySteps: [{ hosts: 50%, bakeMs: 0 }, { hosts: 9%, bakeMs: 0 }]",
      "canarySteps.1.hosts: must not be fewer than the step before it (50%)",
    ],
    [
      "canarySteps: [{ hosts: 1, bakeMs: 0 }, { hosts: 1, bakeMs: 0 }]",
      "canarySteps.1.hosts: must reach further than the step before it: more hosts, or a larger taskSharePct",
    ],
    [
      "canarySteps: [{ hosts: 1, bakeMs: 0 }, { hosts: 50%, bakeMs: 0, taskSharePct: 50 }]",
      "canarySteps.1.taskSharePct: must not be less than the step before it (100)",
    ],
    [
      "{ order: stop-first, maxUnavailable: 0 }",
      "maxUnavailable: must be at least 1 with stop-first: a host is out of service while it is changed",
    ],
    ["{ order: start-first, mayOverlap: false }", "order: must be stop-first (or left out) with mayOverlap: false"],
    [
      "{ strategy: blue-green, mayOverlap: false }",
      "strategy: blue-green runs two generations at once on a host, which mayOverlap: false forbids",
    ],
    [
      "{ strategy: blue-green, order: stop-first }",
      "order: must be start-first with blue-green, which runs two generations at once on a host",
    ],
  ])("refuses the knobs %s", (knobs, problem) => {
    const text = knobs.startsWith("{") ? `defaults: ${knobs}` : `defaults:\n  ${knobs}`;
    expect(
      problemsOf(production(text)).map((line) => line.replace(/^line .*? environments\.production\.defaults\./, "")),
    ).toEqual([problem]);
  });

  it.each([
    [
      "canarySteps: [{ hosts: 1, bakeMs: 0, taskSharePct: 25 }, { hosts: 1, bakeMs: 0 }, { hosts: 25%, bakeMs: 0 }, { hosts: 50%, bakeMs: 0 }]",
    ],
    ["{ mayOverlap: false }"],
    ["{ order: stop-first, maxUnavailable: 10% }"],
    ["{ maxUnavailable: 0 }"],
  ])("accepts the knobs %s", (knobs) => {
    expect(problemsOf(production(knobs.startsWith("{") ? `defaults: ${knobs}` : `defaults:\n  ${knobs}`))).toEqual([]);
  });

  it("tells a contradiction between the environment's knobs and a service's at the service", () => {
    expect(
      problemsOf(production("defaults: { strategy: blue-green }\nservices:\n  agent: { mayOverlap: false }")),
    ).toEqual([
      "line 6, column 7: environments.production.services.agent.strategy: blue-green runs two generations at once on a host, which mayOverlap: false forbids",
    ]);
  });

  it.each([
    [
      "{ name: a, from: 18:00, to: 06:00 }",
      "from: must be a moment such as 2026-12-24T18:00:00+01:00, or days must be named",
    ],
    [
      "{ name: a, days: [fri], from: '24:00', to: 06:00 }",
      "from: must be a time of day such as 18:00, since days are named",
    ],
    ["{ name: a, days: [friday], from: 18:00, to: 06:00 }", "days.0: must be one of sun, mon, tue, wed, thu, fri, sat"],
    ["{ name: a, days: [fri, fri], from: 18:00, to: 06:00 }", "days: each day may be named once"],
    ["{ name: a, days: [], from: 18:00, to: 06:00 }", "days: must be at least 1 entry"],
    [
      "{ name: a, days: [fri], from: 18:00, to: 06:00, timezone: Mars/Base }",
      "timezone: must be the name of a time zone, such as Europe/Berlin",
    ],
    ["{ name: a, from: 2026-12-24T18:00:00Z, to: 2026-12-24T17:00:00Z }", "to: must be later than from"],
    [
      "{ name: a, from: 2026-12-24T18:00:00Z, to: 2026-12-25T17:00:00Z, timezone: UTC }",
      "timezone: goes with days only: a moment has its own offset",
    ],
    ["{ from: 2026-12-24T18:00:00Z, to: 2026-12-25T17:00:00Z }", "name: is missing: must be text"],
    ["weekend", "must be a mapping of keys to values"],
  ])("refuses the freeze %s", (freeze, problem) => {
    const found = problemsOf(production(`freezes:\n  - ${freeze}`)).map((line) =>
      line.replace(/^line 5.*?freezes\.0(\.|: )/, ""),
    );
    expect(found).toContain(problem);
  });

  it("refuses two freezes of one name", () => {
    const freeze = "{ name: a, days: [fri], from: 18:00, to: 06:00 }";
    expect(problemsOf(production(`freezes:\n  - ${freeze}\n  - ${freeze}`))).toEqual([
      "line 6, column 17: environments.production.freezes.1.name: each freeze needs a name of its own",
    ]);
  });

  it("refuses metrics that nothing measures: without data every look would be an error", () => {
    const points = "analysis: { metrics: { failureRate: { share: 0.5 }, points: [{ name: memoryMb, share: 0.2 }] } }";
    expect(problemsOf(production(`services:\n  ghosthands:\n    ${points}`))).toEqual([
      expect.stringContaining(
        "environments.production.services.ghosthands.analysis.metrics.points: nothing measures points yet",
      ),
    ]);
  });

  it("refuses shares of an analysis that overlap", () => {
    const metrics = "metrics: { failureRate: { share: 0.9 }, durationMs: { share: 0.3 } }";
    expect(problemsOf(production(`services:\n  ghosthands:\n    analysis: { ${metrics} }`))).toEqual([
      "line 6, column 21: environments.production.services.ghosthands.analysis.metrics: the shares of all metrics together must not exceed 1",
    ]);
  });

  it.each([
    ["", /^line 1, column 1: must be a mapping/],
    ["just text", /^line 1, column 1: must be a mapping/],
    ["- 1\n- 2", /^line 1, column 1: must be a mapping/],
    ["version: 1\n  environments: {}", /^line 1, column 10: is not YAML: Nested mappings/],
    ["version: 1\nversion: 1\nenvironments: {}", /^line 2, column 1: is not YAML: Map keys must be unique/],
    ["version: 1\nenvironments: {", /is not YAML: /],
    ["version: 1\n---\nversion: 1", /is not YAML: /],
    ["version: !!js/function 'x'\nenvironments: {}", /^line 1, column 10: is not YAML: Unresolved tag/],
    [
      "version: 1\nenvironments: {}\n__proto__: { isAdmin: true }",
      /^line 3, column 1: __proto__: there is no such key/,
    ],
    ["\u0000", /^line 1/],
  ])("refuses what is no such document: %j", (text, problem) => expect(problemsOf(text)[0]).toMatch(problem));

  it("refuses aliases that multiply", () => {
    const bomb = ["a: &a [x, x, x, x, x, x, x, x, x]"];
    for (const [name, before] of ["ba", "cb", "dc", "ed", "fe", "gf"])
      bomb.push(`${name}: &${name} [${Array(9).fill(`*${before}`).join(", ")}]`);
    const begin = performance.now();
    expect(problemsOf(bomb.join("\n"))[0]).toMatch(/is not allowed: Excessive alias count/);
    expect(performance.now() - begin).toBeLessThan(10_000);
  });
});
