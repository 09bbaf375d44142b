import { expect, it } from "vitest";
import { useSuite } from "../testing/suite.ts";

const suite = useSuite({});

it.each([
  ["a private address", () => "http://10.255.255.1/", [], "private_address"],
  ["the metadata service", () => "http://169.254.169.254/latest/", [], "private_address"],
  ["a file", () => "file:///etc/passwd", [], "scheme_not_allowed"],
  ["another domain", () => `${suite.site().url}/`, ["example.com"], "domain_not_allowed"],
  [
    "a redirect to a private address",
    () => `${suite.site().url}/redirect?to=${encodeURIComponent("http://169.254.169.254/latest/")}`,
    [],
    "private_address",
  ],
  [
    "a redirect to another port of this host",
    () => `${suite.site().url}/redirect?to=${encodeURIComponent("http://127.0.0.1:8099/")}`,
    [],
    "private_address",
  ],
])("never opens %s", async (_, url, allowedDomains, code) => {
  const host = suite.host();
  const { taskId } = await host.submit({
    steps: [{ action: "goto", url: url() }],
    allowed_domains: allowedDomains,
  });
  expect(await host.finished(taskId)).toMatchObject({ status: "failed", error: { code, stepIndex: 0 } });
  await host.slotsReady(2);
});
