import { type ErrorCode, type Result, UserError } from "@valet/shared";

/** What an expected failure of the database package means to an API client. */
const codes: Record<string, ErrorCode> = {
  unknown_sandbox: "not_found",
  unknown_task: "not_found",
  unknown_deploy: "not_found",
  unknown_attempt: "not_found",
  illegal_transition: "illegal_transition",
  wrong_state: "illegal_transition",
  duplicate_instance: "conflict",
  revision_moved: "conflict",
  request_pending: "conflict",
  another_active: "conflict",
  session_closed: "conflict",
  idempotency_conflict: "idempotency_conflict",
  stale_fence: "stale_fence",
  lease_expired: "stale_fence",
  cancel_requested: "stale_fence",
  wrong_boot: "stale_fence",
  used_up: "conflict",
};

/** The value, or the failure thrown as the client is to see it. Throwing also takes back the transaction it happens in. */
export function unwrap<T>(result: Result<T, { kind: string; message: string }>): T {
  if (result.ok) return result.value;
  const { kind, message } = result.error;
  const code = codes[kind];
  if (!code) throw new Error(`no answer is known for a failure of kind ${kind}: ${message}`);
  throw new UserError(code, sentence(message));
}

function sentence(text: string): string {
  const upper = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(upper) ? upper : `${upper}.`;
}
