import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { environments, services, type Environment, type Service } from "@valet/shared";
import { Button, Dialog, ErrorState, Input, Select } from "@valet/ui";
import { useState } from "react";
import { useApp } from "../app-context.tsx";
import { failureWords } from "../failure.ts";
import { useMay } from "../me.ts";
import { keys } from "../query-keys.ts";

/** Starts a deploy without a webhook. */
export function NewDeployButton() {
  const mayCreate = useMay("createDeploy");
  const [isOpen, setOpen] = useState(false);
  if (!mayCreate) return null;
  return (
    <>
      <Button onClick={() => setOpen(true)}>New deploy</Button>
      {isOpen ? <NewDeployDialog onClose={() => setOpen(false)} /> : null}
    </>
  );
}

function NewDeployDialog(props: { onClose: () => void }) {
  const { api } = useApp();
  const queryClient = useQueryClient();
  const navigate = useNavigate();
  const [environment, setEnvironment] = useState<Environment>("staging");
  const [service, setService] = useState<Service>("ghosthands");
  const [imageTag, setImageTag] = useState("");
  const [reason, setReason] = useState("");
  const create = useMutation({
    mutationFn: () => api.createDeploy({ body: { environment, service, imageTag, reason } }),
    onSuccess: (deploy) => {
      void queryClient.invalidateQueries({ queryKey: keys.deploys });
      void navigate({ to: "/deploys/$deployId", params: { deployId: deploy.id } });
    },
  });
  return (
    <Dialog title="New deploy" onClose={props.onClose}>
      <form
        className="mt-3 grid gap-3"
        onSubmit={(event) => {
          event.preventDefault();
          create.mutate();
        }}
      >
        <Select
          label="Environment"
          value={environment}
          options={environments.map((value) => ({ value, text: value }))}
          onChange={(event) =>
            setEnvironment(environments.find((value) => value === event.target.value) ?? environment)
          }
        />
        <Select
          label="Service"
          value={service}
          options={services.map((value) => ({ value, text: value }))}
          onChange={(event) => setService(services.find((value) => value === event.target.value) ?? service)}
        />
        <Input
          label="Image tag"
          hint="It is resolved to a digest once, and every host gets that digest."
          required
          maxLength={128}
          pattern="[A-Za-z0-9._\-\/:]{1,128}"
          value={imageTag}
          autoFocus
          onChange={(event) => setImageTag(event.target.value)}
        />
        <Input label="Reason" maxLength={500} value={reason} onChange={(event) => setReason(event.target.value)} />
        {create.error ? <ErrorState what="The deploy was refused" why={failureWords(create.error)} stale /> : null}
        <div className="mt-2 flex justify-end gap-2">
          <Button onClick={props.onClose}>Cancel</Button>
          <Button type="submit" kind="primary" busy={create.isPending}>
            Deploy
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
