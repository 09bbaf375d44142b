import { Button } from "@valet/ui";
import { lazy, Suspense, useState } from "react";
import { useMay } from "../../me.ts";

const NewDeployDialog = lazy(() =>
  import("./new-deploy-dialog.tsx").then((module) => ({ default: module.NewDeployDialog })),
);

/** Starts a deploy without a webhook. */
export function NewDeployButton() {
  const mayCreate = useMay("createDeploy");
  const [isOpen, setOpen] = useState(false);
  if (!mayCreate) return null;
  return (
    <>
      <Button onClick={() => setOpen(true)}>New deploy</Button>
      {isOpen ? (
        <Suspense fallback={null}>
          <NewDeployDialog onClose={() => setOpen(false)} />
        </Suspense>
      ) : null}
    </>
  );
}
