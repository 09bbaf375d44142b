import type { TaskSpec } from "@valet/contracts";
import { type FieldDetail, UserError } from "@valet/shared";

/** Cloud metadata services: they hand out credentials. Other private addresses are refused by the GH worker, after DNS. */
const metadataHosts = new Set(["169.254.169.254", "[fd00:ec2::254]", "metadata.google.internal", "100.100.100.200"]);

/** 422 for an address that no task may open, at submission rather than minutes later on a sandbox. */
export function assertOpenableAddresses(spec: TaskSpec, allowedHosts: readonly string[]): void {
  const addresses: [string, string | undefined][] = [
    ["url", spec.url],
    ["webhookUrl", spec.webhookUrl],
    ...spec.steps.map((step, index): [string, string | undefined] => [
      `steps.${index}.url`,
      step.action === "goto" ? step.url : undefined,
    ]),
  ];
  const details = addresses.flatMap(([field, address]) =>
    address ? problemsOf(field, new URL(address), allowedHosts) : [],
  );
  if (details[0]) throw new UserError("validation", `${details[0].field}: ${details[0].message}`, details.slice(0, 20));
}

function problemsOf(field: string, address: URL, allowedHosts: readonly string[]): FieldDetail[] {
  if (!/^https?:$/.test(address.protocol))
    return [{ field, message: "only http and https addresses are opened", code: "scheme" }];
  if (
    metadataHosts.has(address.hostname) &&
    !allowedHosts.includes(address.hostname) &&
    !allowedHosts.includes(address.host)
  )
    return [{ field, message: `${address.hostname} is a metadata service`, code: "private_address" }];
  return [];
}
