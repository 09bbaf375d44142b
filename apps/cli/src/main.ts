import { systemClock } from "@valet/shared";
import { CliFailure } from "./failure.ts";
import type { Output } from "./io.ts";
import { runCli } from "./run.ts";

const stopped = new AbortController();
process.once("SIGINT", () => stopped.abort());
process.once("SIGTERM", () => stopped.abort());
// `valet … | head` closes the pipe early: that is no failure of ours.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit(0);
});

process.exitCode = await runCli(process.argv.slice(2), {
  stdout: outputOf(process.stdout),
  stderr: outputOf(process.stderr),
  readStdin,
  folder: process.cwd(),
  clock: systemClock,
  signal: stopped.signal,
});

function outputOf(stream: NodeJS.WriteStream): Output {
  return {
    write: (text) => stream.write(text),
    isTty: stream.isTTY ?? false,
    ...(stream.columns ? { columns: stream.columns, rows: stream.rows } : {}),
  };
}

async function readStdin(limitBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > limitBytes)
      throw new CliFailure(`Standard input has more than ${limitBytes} bytes`, { code: "usage", exitCode: 2 });
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}
