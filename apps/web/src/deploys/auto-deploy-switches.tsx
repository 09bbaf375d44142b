import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import type { DeployConfig } from "@valet/contracts";
import { Button } from "@valet/ui";
import { useState } from "react";
import { useApp } from "../app-context.tsx";
import { ReasonDialog } from "../lists/reason-dialog.tsx";
import { useMay } from "../me.ts";
import { keys } from "../query-keys.ts";

const switches = [
  { field: "autoDeployStaging", environment: "staging" },
  { field: "autoDeployProd", environment: "production" },
] as const satisfies readonly { field: keyof DeployConfig; environment: string }[];

/** Whether a webhook's deploy starts by itself, an environment each. */
export function AutoDeploySwitches() {
  const { api } = useApp();
  const queryClient = useQueryClient();
  const mayChange = useMay("putDeployConfig");
  const { data: config } = useQuery({
    queryKey: keys.deployConfig,
    queryFn: ({ signal }) => api.getDeployConfig({ signal }),
  });
  const [asked, setAsked] = useState<(typeof switches)[number] | null>(null);
  const change = useMutation({
    mutationFn: (body: Partial<DeployConfig>) => api.putDeployConfig({ body }),
    onSuccess: (next) => {
      queryClient.setQueryData(keys.deployConfig, next);
      setAsked(null);
    },
  });
  if (config === undefined) return null;
  const turnsOn = asked !== null && !config[asked.field];
  return (
    <div className="mt-2 flex flex-wrap items-center gap-x-4 gap-y-1 text-sm text-muted">
      <span>Auto-deploy</span>
      {switches.map((item) => (
        <span key={item.field} className="flex items-center gap-1.5">
          {item.environment}
          <Button
            size="small"
            role="switch"
            aria-checked={config[item.field]}
            aria-label={`Auto-deploy to ${item.environment}`}
            disabled={!mayChange}
            onClick={() => setAsked(item)}
          >
            <span
              aria-hidden="true"
              className={`size-2 rounded-full ${config[item.field] ? "bg-good" : "border border-faint"}`}
            />
            {config[item.field] ? "on" : "off"}
          </Button>
        </span>
      ))}
      {asked === null ? null : (
        <ReasonDialog
          title={`Turn auto-deploy to ${asked.environment} ${turnsOn ? "on" : "off"}?`}
          explanation={
            turnsOn
              ? `Every release the pipeline announces for ${asked.environment} starts to roll out at once.`
              : `Releases for ${asked.environment} wait until somebody triggers them.`
          }
          verb={turnsOn ? "Turn on" : "Turn off"}
          asksReason={false}
          isBusy={change.isPending}
          error={change.error}
          onConfirm={() => change.mutate({ [asked.field]: turnsOn })}
          onClose={() => setAsked(null)}
        />
      )}
    </div>
  );
}
