import type { Draft } from "./draft.ts";
import { outOfServiceSteps } from "./hosts.ts";

/** Out of service by our own doing: hosts this deploy holds, and those that any other deploy has cordoned. */
export function outOfService(draft: Draft): Set<string> {
  const held = draft.deploy.hosts
    .filter((host) => host.order === "stop-first" && outOfServiceSteps.includes(host.step))
    .map((host) => host.sandboxId);
  const others = draft.facts.deployCordoned.filter((id) => {
    const observation = draft.bySandbox.get(id);
    if (!observation) return true;
    const { cordons } = observation.facts;
    const isOurs = (holderId: string): boolean => holderId === draft.deploy.id;
    return cordons.some((cordon) => cordon.holderKind === "deploy" && !isOurs(cordon.holderId));
  });
  return new Set([...held, ...others]);
}
