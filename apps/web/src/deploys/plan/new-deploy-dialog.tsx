import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { environments, services, strategies, type Environment, type Service, type Strategy } from "@valet/shared";
import { Button, Dialog, ErrorState, Input, Select } from "@valet/ui";
import { useState } from "react";
import { useApp } from "../../app-context.tsx";
import { failureWords } from "../../failure.ts";
import { keys } from "../../query-keys.ts";
import { PlanView } from "./plan-view.tsx";
import { isPlanMoved, usePlan } from "./use-plan.ts";

/** Asks what to deploy, shows what that would do, and deploys exactly that. */
export function NewDeployDialog(props: { onClose: () => void }) {
  const { api } = useApp();
  const queryClient = useQueryClient();
  const navigate = useNavigate();
  const [wish, setWish] = useState(emptyWish);
  const plan = usePlan();
  const body = bodyOf(wish);
  const create = useMutation({
    mutationFn: (planRevision: string | undefined) =>
      api.createDeploy({ body: { ...body, ...(planRevision === undefined ? {} : { planRevision }) } }),
    onSuccess: (deploy) => {
      void queryClient.invalidateQueries({ queryKey: keys.deploys });
      void navigate({ to: "/deploys/$deployId", params: { deployId: deploy.id } });
    },
  });
  // A plan of something else is no plan of this.
  const change = (next: Partial<typeof wish>) => {
    setWish({ ...wish, ...next });
    plan.reset();
    create.reset();
  };
  const planAgain = () => {
    create.reset();
    plan.mutate(body);
  };
  return (
    <Dialog title="New deploy" onClose={props.onClose} wide={plan.data !== undefined}>
      <form
        className="mt-3"
        onSubmit={(event) => {
          event.preventDefault();
          const submitter = (event.nativeEvent as SubmitEvent).submitter;
          if (submitter?.getAttribute("value") === "plan") planAgain();
          else create.mutate(plan.data?.revision);
        }}
      >
        <WishFields wish={wish} isWide={plan.data !== undefined} onChange={change} />
        {plan.error ? (
          <div className="mt-3">
            <ErrorState what="It could not be planned" why={failureWords(plan.error)} stale />
          </div>
        ) : null}
        {plan.data === undefined ? null : <PlanView plan={plan.data} />}
        <div className="sticky bottom-0 -mx-5 mt-4 -mb-5 flex flex-wrap justify-end gap-2 bg-surface px-5 pt-3 pb-5">
          {create.error ? <Refusal error={create.error} onPlanAgain={planAgain} /> : null}
          <Button onClick={props.onClose}>Cancel</Button>
          {isPlanMoved(create.error) ? null : (
            <Button type="submit" value="plan" busy={plan.isPending}>
              {plan.data === undefined ? "Plan" : "Plan again"}
            </Button>
          )}
          <Button type="submit" kind="primary" busy={create.isPending} disabled={isPlanMoved(create.error)}>
            {plan.data === undefined ? "Deploy" : "Deploy this plan"}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

interface Wish {
  environment: Environment;
  service: Service;
  imageTag: string;
  strategy: Strategy | null;
  reason: string;
}

const emptyWish: Wish = { environment: "staging", service: "ghosthands", imageTag: "", strategy: null, reason: "" };

function bodyOf({ strategy, ...rest }: Wish) {
  return { ...rest, knobs: strategy === null ? {} : { strategy } };
}

function Refusal(props: { error: unknown; onPlanAgain: () => void }) {
  const hasMoved = isPlanMoved(props.error);
  return (
    <div className="w-full">
      <ErrorState
        what={hasMoved ? "The plan has moved" : "The deploy was refused"}
        why={failureWords(props.error)}
        stale
      />
      {hasMoved ? (
        <Button kind="primary" className="mt-2" onClick={props.onPlanAgain}>
          Plan it as it is now
        </Button>
      ) : null}
    </div>
  );
}

function WishFields(props: { wish: Wish; isWide: boolean; onChange: (next: Partial<Wish>) => void }) {
  const { wish, onChange } = props;
  return (
    <div className={`grid gap-3 ${props.isWide ? "sm:grid-cols-3" : ""}`}>
      <Select
        label="Environment"
        value={wish.environment}
        options={environments.map((value) => ({ value, text: value }))}
        onChange={({ target }) =>
          onChange({ environment: environments.find((value) => value === target.value) ?? wish.environment })
        }
      />
      <Select
        label="Service"
        value={wish.service}
        options={services.map((value) => ({ value, text: value }))}
        onChange={({ target }) =>
          onChange({ service: services.find((value) => value === target.value) ?? wish.service })
        }
      />
      <Select
        label="Strategy"
        value={wish.strategy ?? ""}
        options={[
          { value: "", text: "as the environment says" },
          ...strategies.map((value) => ({ value, text: value })),
        ]}
        onChange={({ target }) => onChange({ strategy: strategies.find((value) => value === target.value) ?? null })}
      />
      <Input
        label="Image tag"
        hint="It is resolved to a digest once, and every host gets that digest."
        required
        maxLength={128}
        pattern="[A-Za-z0-9._\-\/:]{1,128}"
        value={wish.imageTag}
        autoFocus
        onChange={({ target }) => onChange({ imageTag: target.value })}
      />
      <Input
        label="Reason"
        maxLength={500}
        value={wish.reason}
        className={props.isWide ? "sm:col-span-2" : ""}
        onChange={({ target }) => onChange({ reason: target.value })}
      />
    </div>
  );
}
