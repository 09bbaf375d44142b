import { CommanderError } from "commander";
import { CliFailure, type ExitCode, exitCodes, usageFailure } from "./failure.ts";
import type { CliIo } from "./io.ts";
import { plainText } from "./plain-text.ts";
import { makeProgram } from "./program.ts";

/** Runs one command line (without node and script) and answers its exit code; nothing escapes as a stack trace. */
export async function runCli(args: readonly string[], io: CliIo): Promise<ExitCode> {
  let exitCode: ExitCode = exitCodes.done;
  const program = makeProgram(io, (code) => {
    exitCode = code;
  });
  try {
    await program.parseAsync(args, { from: "user" });
    return exitCode;
  } catch (error) {
    const failure = failureOf(error, io.signal);
    if (!failure) return exitCodes.done;
    report(failure, io, args.includes("--json"));
    return failure.exitCode;
  }
}

/** null: not a failure (help or version was asked for and printed). */
function failureOf(error: unknown, signal: AbortSignal): CliFailure | null {
  if (error instanceof CliFailure) return error;
  if (signal.aborted) return new CliFailure("Stopped", { code: "interrupted", exitCode: exitCodes.interrupted });
  if (error instanceof CommanderError) return usageOf(error);
  return new CliFailure(`Unexpected failure: ${error instanceof Error ? error.message : String(error)}`, {
    code: "bug",
    hint: "This is a mistake in valet itself; please report it with the command you ran.",
    cause: error,
  });
}

function usageOf(error: CommanderError): CliFailure | null {
  if (error.exitCode === 0) return null;
  if (error.code === "commander.help") return usageFailure("A command is missing", "The list above names them.");
  const text = error.message.replace(/^error: /, "").replace(/\s*\n\s*/g, " ");
  return usageFailure(text.charAt(0).toUpperCase() + text.slice(1), "Add --help to see what is allowed.");
}

/** The one line on stderr, a line for each field, and with `--json` one document on stdout. */
function report(failure: CliFailure, io: CliIo, json: boolean): void {
  const sentence = plainText(failure.message).replace(/\.$/, "");
  io.stderr.write(`valet: ${sentence}.${failure.hint ? ` ${plainText(failure.hint)}` : ""}\n`);
  for (const { field, message } of failure.details) {
    io.stderr.write(`  ${plainText(field)}: ${plainText(message)}\n`);
  }
  if (!json) return;
  const details = failure.details.length > 0 ? { details: failure.details } : {};
  const document = { error: failure.code, message: sentence, hint: failure.hint, ...details };
  io.stdout.write(`${JSON.stringify(document)}\n`);
}
