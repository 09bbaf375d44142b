import { useMutation, useQueryClient } from "@tanstack/react-query";
import type { TaskView } from "@valet/contracts";
import { Button, Dialog, ErrorState, Input } from "@valet/ui";
import { useState } from "react";
import { useApp } from "../app-context.tsx";
import { failureWords } from "../failure.ts";
import { keys } from "../query-keys.ts";

const decisions = [
  { value: "completed", text: "It was done", note: "The page shows that what it had to do has happened." },
  { value: "failed", text: "It was not done", note: "And it is not to be tried again." },
  { value: "restart", text: "Start it again", note: "It was not done, or doing it twice does no harm." },
] as const;

/** Settles a task of which nobody knows whether its last write happened. */
export function ReviewDialog(props: { task: TaskView; onClose: () => void }) {
  const { task, onClose } = props;
  const { api } = useApp();
  const queryClient = useQueryClient();
  const [decision, setDecision] = useState<(typeof decisions)[number]["value"] | null>(null);
  const [note, setNote] = useState("");
  const review = useMutation({
    mutationFn: (chosen: NonNullable<typeof decision>) =>
      api.reviewTask({ params: { id: task.id }, body: { decision: chosen, note } }),
    onSuccess: (next) => {
      queryClient.setQueryData(keys.task(task.id), next);
      void queryClient.invalidateQueries({ queryKey: keys.tasks });
      onClose();
    },
  });
  return (
    <Dialog title="What happened to this task?" onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (decision !== null) review.mutate(decision);
        }}
      >
        <p className="text-muted">
          It was interrupted around a step that writes. Look at the page it worked on, then say how it ended.
        </p>
        <fieldset className="mt-3 space-y-2">
          <legend className="sr-only">Decision</legend>
          {decisions.map((choice) => (
            <label key={choice.value} className="flex cursor-pointer items-baseline gap-2">
              <input
                type="radio"
                name="decision"
                value={choice.value}
                required
                checked={decision === choice.value}
                onChange={() => setDecision(choice.value)}
              />
              <span>
                <span className="font-medium">{choice.text}</span>
                <span className="block text-xs text-muted">{choice.note}</span>
              </span>
            </label>
          ))}
        </fieldset>
        <Input
          label="Note"
          maxLength={2000}
          value={note}
          className="mt-4"
          onChange={(event) => setNote(event.target.value)}
        />
        {review.error ? (
          <div className="mt-4">
            <ErrorState what="The review was refused" why={failureWords(review.error)} stale />
          </div>
        ) : null}
        <div className="mt-5 flex justify-end gap-2">
          <Button onClick={onClose}>Decide later</Button>
          <Button type="submit" kind="primary" busy={review.isPending}>
            Settle
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
