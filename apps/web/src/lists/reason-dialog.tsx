import { Button, Dialog, ErrorState, Input } from "@valet/ui";
import { useState, type ReactNode } from "react";
import { failureWords } from "../failure.ts";

/** Asks once more before something changes, and why, for the journal. */
export function ReasonDialog(props: {
  title: string;
  explanation: ReactNode;
  verb: string;
  asksReason?: boolean;
  isDangerous?: boolean;
  isBusy: boolean;
  error: unknown;
  onConfirm: (reason: string) => void;
  onClose: () => void;
}) {
  const [reason, setReason] = useState("");
  return (
    <Dialog title={props.title} onClose={props.onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          props.onConfirm(reason.trim());
        }}
      >
        <div className="text-muted">{props.explanation}</div>
        {props.asksReason === false ? null : (
          <Input
            label="Reason"
            hint="Kept in the journal and shown to whoever looks next."
            maxLength={500}
            value={reason}
            autoFocus
            className="mt-4"
            onChange={(event) => setReason(event.target.value)}
          />
        )}
        {props.error ? (
          <div className="mt-4">
            <ErrorState what={`${props.verb} was refused`} why={failureWords(props.error)} stale />
          </div>
        ) : null}
        <div className="mt-5 flex justify-end gap-2">
          <Button onClick={props.onClose}>Keep as it is</Button>
          <Button type="submit" kind={props.isDangerous ? "danger" : "primary"} busy={props.isBusy}>
            {props.verb}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
