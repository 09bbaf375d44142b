import type { Draft } from "./draft.ts";
import { outOfServiceSteps } from "./hosts.ts";

/** Out of service by our own doing: hosts this deploy holds, and those that any other deploy has cordoned. */
export function outOfService(draft: Draft): Set<string> {
  const held = draft.deploy.hosts
    .filter((host) => host.order === "stop-first" && outOfServiceSteps.includes(host.step))
    .map((host) => host.sandboxId);
  const others = draft.facts.deployCordoned.filter((id) => {
    const observation = draft.bySandbox.get(id);
    const onlyOurs = observation && observation.facts.cordons.filter((cordon) => cordon.holderKind === "deploy");
    return !onlyOurs || onlyOurs.some((cordon) => cordon.holderId !== draft.deploy.id);
  });
  return new Set([...held, ...others]);
}
