import { pino } from "pino";

/** One event name a line: `log.info({ event: "task_delivered", taskId })`. Never a secret. */
export interface Log {
  debug(fields: LogFields): void;
  info(fields: LogFields): void;
  warn(fields: LogFields): void;
  error(fields: LogFields): void;
}
export interface LogFields {
  event: string;
  [field: string]: unknown;
}

export function makeLog(level: string, fields: Record<string, unknown>): Log {
  return pino({
    level,
    base: fields,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
  });
}

/** What an error says, with its causes, in one line. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const text = error.message || (error instanceof AggregateError ? error.errors.map(messageOf).join(", ") : error.name);
  return error.cause === undefined ? text : `${text}: ${messageOf(error.cause)}`;
}
