import { Link, type ErrorComponentProps } from "@tanstack/react-router";
import { EmptyState, ErrorState } from "@valet/ui";
import { failureWords } from "../failure.ts";

export function MissingPage() {
  return (
    <div className="mx-auto max-w-2xl p-6">
      <EmptyState title="No such page">
        <Link to="/fleet" className="text-link">
          Go to the fleet
        </Link>
      </EmptyState>
    </div>
  );
}

/** A page that could not be drawn or loaded: a newer build may have replaced its code. */
export function CrashPage(props: ErrorComponentProps) {
  return (
    <div className="mx-auto max-w-2xl p-6">
      <ErrorState
        what="This page cannot be shown"
        why={failureWords(props.error)}
        onRetry={() => window.location.reload()}
      />
    </div>
  );
}
