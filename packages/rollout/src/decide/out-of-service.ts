import { observationAt, type Draft } from "./draft.ts";
import { outOfServiceSteps } from "./hosts.ts";

/** Out of service by our own doing: hosts this deploy holds, and those that any other deploy has cordoned. */
export function outOfService(draft: Draft): Set<string> {
  const out = new Set<string>();
  for (const { order, step, sandboxId } of draft.deploy.hosts) {
    if (order === "stop-first" && outOfServiceSteps.includes(step)) out.add(sandboxId);
  }
  const others = draft.facts.deployCordoned.filter((id) => {
    const observation = observationAt(draft, id);
    if (!observation) return true;
    const { cordons } = observation.facts;
    const isOurs = (holderId: string): boolean => holderId === draft.deploy.id;
    return cordons.some((cordon) => cordon.holderKind === "deploy" && !isOurs(cordon.holderId));
  });
  for (const id of others) out.add(id);
  return out;
}
