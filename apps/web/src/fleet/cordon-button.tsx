import { useMutation, useQueryClient } from "@tanstack/react-query";
import type { SandboxView } from "@valet/contracts";
import { Button } from "@valet/ui";
import { useState } from "react";
import { useApp } from "../app-context.tsx";
import { ReasonDialog } from "../lists/reason-dialog.tsx";
import { useMay } from "../me.ts";
import { keys } from "../query-keys.ts";

/** Sets or lifts the operators' cordon. Those of a deploy or of health are not ours to lift. */
export function CordonButton(props: { sandbox: SandboxView }) {
  const { sandbox } = props;
  const { api } = useApp();
  const queryClient = useQueryClient();
  const mayCordon = useMay("cordonSandbox");
  const [isOpen, setOpen] = useState(false);
  const ours = sandbox.cordons.filter((cordon) => cordon.holderKind === "operator");
  const change = useMutation({
    mutationFn: async (reason: string) => {
      const params = { id: sandbox.id };
      if (ours.length === 0) await api.cordonSandbox({ params, body: reason ? { reason } : {} });
      else for (const cordon of ours) await api.uncordonSandbox({ params, body: { holder: cordon.holderId } });
    },
    onSuccess: () => {
      setOpen(false);
      void queryClient.invalidateQueries({ queryKey: keys.sandboxes });
    },
  });
  const isOver = sandbox.state === "terminated" || sandbox.state === "terminating";
  if (!mayCordon || isOver) return <span className="order-2 md:order-none" />;
  const verb = ours.length === 0 ? "Cordon" : "Uncordon";
  return (
    <div className="order-2 justify-self-end md:order-none">
      <Button size="small" aria-label={`${verb} ${sandbox.name}`} onClick={() => setOpen(true)}>
        {verb}
      </Button>
      {isOpen ? (
        <ReasonDialog
          title={`${verb} ${sandbox.name}?`}
          explanation={
            ours.length === 0
              ? "It gets no new tasks until the cordon is lifted. What runs there goes on."
              : "It may be given tasks again, unless a deploy or its health still holds a cordon."
          }
          verb={verb}
          asksReason={ours.length === 0}
          error={change.error}
          isBusy={change.isPending}
          onConfirm={(reason) => change.mutate(reason)}
          onClose={() => setOpen(false)}
        />
      ) : null}
    </div>
  );
}
