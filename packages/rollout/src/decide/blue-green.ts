import type { DeployDocument, HostStep } from "../model.ts";
import { moveHost, ownAll, say, waitFor, type Draft } from "./draft.ts";
import { isHeldByFreeze } from "./frozen.ts";
import { isMoving, namesOf } from "./hosts.ts";

/** A verified generation takes no slot before the switch. A host that joins after it goes on by itself. */
export function waitsForSwitch({ knobs, course }: DeployDocument, host: HostStep): boolean {
  const isBefore = knobs.strategy === "blue-green" && course.skipsSteps === null && !course.switched;
  return isBefore && host.order === "start-first";
}

const isReady = (host: HostStep): boolean =>
  host.step === "verifying" && host.engine.holds && host.engine.unhealthySince === null;

const isUnsound = (host: HostStep): boolean => host.step === "verifying" && host.engine.unhealthySince !== null;

/** All hosts at once, in one save: from then on each slot that falls free goes to the new release. */
export function switchOver(draft: Draft): void {
  const { deploy } = draft;
  const missing = beforeSwitch(deploy);
  if (missing !== null) return;
  if (!deploy.knobs.autoPromote && !deploy.course.promoted) {
    return waitFor(draft, "somebody to promote: every host is verified and waits for the switch");
  }
  if (isHeldByFreeze(draft)) return;
  const ready = ownAll(draft).filter(isReady);
  say(draft, `switch: new work of ${ready.length} hosts goes to ${deploy.imageTag}`, { hosts: ready.length });
  deploy.course.switched = true;
  deploy.course.promoted = false;
  for (const host of ready) {
    host.engine.target = host.newGeneration;
    moveHost(draft, host, "handing_over", `switched: slots go to generation ${host.newGeneration} as they fall free`);
  }
}

/** What is missing before the switch; null: nothing but, perhaps, a person's word. */
export function beforeSwitch(deploy: DeployDocument): string | null {
  if (deploy.knobs.strategy !== "blue-green" || deploy.course.skipsSteps !== null) return "it is no blue-green deploy";
  if (deploy.course.switched) return "it has switched already";
  const onTheWay = deploy.hosts.filter((host) => host.step === "pending" || isMoving(host) || isUnsound(host));
  if (onTheWay.length > 0) return `${namesOf(onTheWay)} to be verified`;
  return deploy.hosts.some(isReady) ? null : "a host that is verified";
}
