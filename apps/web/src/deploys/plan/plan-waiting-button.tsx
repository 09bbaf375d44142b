import type { DeployView } from "@valet/contracts";
import { Button } from "@valet/ui";
import { lazy, Suspense, useState } from "react";
import { useMay } from "../../me.ts";

const PlanWaitingDialog = lazy(() =>
  import("./plan-waiting-dialog.tsx").then((module) => ({ default: module.PlanWaitingDialog })),
);

const waitingStates: readonly DeployView["state"][] = ["awaiting_trigger", "awaiting_approval", "queued"];

/** Shown while a deploy has not begun: what it would do, before somebody lets it. */
export function PlanWaitingButton(props: { deploy: DeployView }) {
  const { deploy } = props;
  const mayPlan = useMay("planDeploy");
  const [isOpen, setOpen] = useState(false);
  const isWaiting = waitingStates.includes(deploy.state);
  if (!isOpen && (!mayPlan || !isWaiting)) return null;
  return (
    <>
      <Button onClick={() => setOpen(true)}>Plan</Button>
      {isOpen ? (
        <Suspense fallback={null}>
          <PlanWaitingDialog deploy={deploy} onClose={() => setOpen(false)} />
        </Suspense>
      ) : null}
    </>
  );
}
