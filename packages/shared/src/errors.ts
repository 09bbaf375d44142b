/** Error codes of the one envelope `{error, message, details?, requestId}`, with their HTTP status. */
export const errorStatus = {
  malformed_json: 400,
  bad_request: 400,
  unauthorized: 401,
  stale_timestamp: 401,
  forbidden: 403,
  own_deploy: 403,
  not_found: 404,
  conflict: 409,
  illegal_transition: 409,
  idempotency_conflict: 409,
  stale_epoch: 409,
  stale_fence: 409,
  plan_moved: 409,
  pruned_release: 409,
  body_too_large: 413,
  unsupported_media_type: 415,
  validation: 422,
  rate_limited: 429,
  unavailable: 503,
} as const;
export type ErrorCode = keyof typeof errorStatus;

export interface FieldDetail {
  field: string;
  message: string;
  code: string;
}

/** A failure the caller can act on. Thrown inside routes and the CLI, translated once at the edge. */
export class UserError extends Error {
  override readonly name = "UserError";
  constructor(
    readonly code: ErrorCode,
    message: string,
    readonly details?: FieldDetail[],
    readonly retryAfterSeconds?: number,
  ) {
    super(message);
  }
  get status(): number {
    return errorStatus[this.code];
  }
}
