import type { FieldDetail } from "@valet/shared";

/** 0 done, 1 failed, 2 wrong usage; 130 stopped by Ctrl-C, as shells expect. */
export const exitCodes = { done: 0, failed: 1, usage: 2, interrupted: 130 } as const;
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** A failure told to the person in one line: what failed and on what, then what to do next. */
export class CliFailure extends Error {
  override readonly name = "CliFailure";
  /** A code of the API's envelope, or one of the CLI's own: `usage`, `connection`, `timeout`, `ambiguous_id`. */
  readonly code: string;
  readonly hint: string;
  readonly details: readonly FieldDetail[];
  readonly exitCode: ExitCode;
  /** May go away by itself (an API that restarts): who follows something waits instead of giving up. */
  readonly isPassing: boolean;
  constructor(
    message: string,
    options: {
      code: string;
      hint?: string;
      details?: readonly FieldDetail[] | undefined;
      exitCode?: ExitCode;
      isPassing?: boolean;
      cause?: unknown;
    },
  ) {
    super(message, { cause: options.cause });
    this.code = options.code;
    this.hint = options.hint ?? "";
    this.details = options.details ?? [];
    this.exitCode = options.exitCode ?? exitCodes.failed;
    this.isPassing = options.isPassing ?? false;
  }
}

/** Wrong usage: exit code 2. */
export function usageFailure(message: string, hint = ""): CliFailure {
  return new CliFailure(message, { code: "usage", hint, exitCode: exitCodes.usage });
}
