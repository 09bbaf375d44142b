import { type ErrorCode, type Result, UserError } from "@valet/shared";

/** What an expected failure of the database package means to an API client. */
const codes: Record<string, ErrorCode> = {
  unknown_sandbox: "not_found",
  unknown_task: "not_found",
  unknown_deploy: "not_found",
  unknown_attempt: "stale_fence",
  illegal_transition: "illegal_transition",
  wrong_state: "illegal_transition",
  duplicate_instance: "conflict",
  revision_moved: "conflict",
  request_pending: "conflict",
  another_active: "conflict",
  already_approved: "conflict",
  config_moved: "conflict",
  session_closed: "conflict",
  idempotency_conflict: "idempotency_conflict",
  stale_fence: "stale_fence",
  // A heartbeat may renew the lease yet: ask again.
  lease_expired: "unavailable",
  cancel_requested: "bad_request",
  wrong_boot: "bad_request",
  used_up: "bad_request",
};

/** The value, or the failure thrown as the client is to see it. Throwing also takes back the transaction it happens in. */
export function unwrap<T>(result: Result<T, { kind: string; message: string }>): T {
  if (result.ok) return result.value;
  const { kind, message } = result.error;
  const code = codes[kind];
  if (!code) throw new Error(`no answer is known for a failure of kind ${kind}: ${message}`);
  throw new UserError(code, sentence(message), undefined, code === "unavailable" ? 1 : undefined);
}

function sentence(text: string): string {
  const upper = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(upper) ? upper : `${upper}.`;
}
