import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import type { TaskView } from "@valet/contracts";
import { taskActionsFor, type TaskActionName } from "@valet/shared";
import { Button, type ButtonKind } from "@valet/ui";
import { useState } from "react";
import { useApp } from "../app-context.tsx";
import { ReasonDialog } from "../lists/reason-dialog.tsx";
import { useMay } from "../me.ts";
import { keys } from "../query-keys.ts";
import { ReviewDialog } from "./review-dialog.tsx";

const looks: Readonly<Record<TaskActionName, { verb: string; kind: ButtonKind; explanation: string }>> = {
  review: { verb: "Review", kind: "primary", explanation: "" },
  retry: { verb: "Retry", kind: "plain", explanation: "The same work is submitted again as a new task." },
  cancel: {
    verb: "Cancel",
    kind: "danger",
    explanation:
      "A waiting task leaves the queue. A running one stops its browser; what it did on the page stays done.",
  },
};

/** The buttons that the task's state allows. */
export function TaskButtons(props: { task: TaskView }) {
  const { task } = props;
  const { api } = useApp();
  const queryClient = useQueryClient();
  const navigate = useNavigate();
  const may: Readonly<Record<TaskActionName, boolean>> = {
    review: useMay("reviewTask"),
    retry: useMay("retryTask"),
    cancel: useMay("cancelTask"),
  };
  const [asked, setAsked] = useState<TaskActionName | null>(null);
  const act = useMutation({
    mutationFn: ({ action, reason }: { action: "retry" | "cancel"; reason: string }) => {
      const input = { params: { id: task.id }, body: { reason } };
      return action === "retry" ? api.retryTask(input) : api.cancelTask(input);
    },
    onSuccess: (next) => {
      queryClient.setQueryData(keys.task(next.id), next);
      void queryClient.invalidateQueries({ queryKey: keys.tasks });
      setAsked(null);
      if (next.id !== task.id) void navigate({ to: "/tasks/$taskId", params: { taskId: next.id } });
    },
  });
  const actions = taskActionsFor(task.state).filter(
    (action) => may[action] && !(action === "cancel" && task.cancelRequested),
  );
  return (
    <div role="group" aria-label="What can be done with this task" className="flex flex-wrap gap-2">
      {actions.map((action) => (
        <Button
          key={action}
          kind={looks[action].kind}
          onClick={() => {
            act.reset();
            setAsked(action);
          }}
        >
          {looks[action].verb}
        </Button>
      ))}
      {asked === "review" ? <ReviewDialog task={task} onClose={() => setAsked(null)} /> : null}
      {asked === "retry" || asked === "cancel" ? (
        <ReasonDialog
          title={`${looks[asked].verb} this task?`}
          explanation={looks[asked].explanation}
          verb={asked === "cancel" ? "Cancel the task" : "Retry"}
          isDangerous={asked === "cancel"}
          isBusy={act.isPending}
          error={act.error}
          onConfirm={(reason) => act.mutate({ action: asked, reason })}
          onClose={() => setAsked(null)}
        />
      ) : null}
    </div>
  );
}
