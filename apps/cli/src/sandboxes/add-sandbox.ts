import { closeSync, openSync, rmSync, writeSync } from "node:fs";
import { resolve } from "node:path";
import { ask } from "../ask.ts";
import type { SandboxAddFlags } from "../commands/sandboxes.ts";
import type { CliContext } from "../context.ts";
import { CliFailure } from "../failure.ts";

/** Registers a sandbox. The identity file is made first: an identity that could not be kept would be lost, shown once as it is. */
export async function addSandbox(context: CliContext, name: string, flags: SandboxAddFlags): Promise<void> {
  const path = resolve(context.io.folder, flags.identityFile);
  const file = createFile(path);
  let isWritten = false;
  try {
    const { environment, publicIp, instanceType, browserEngine, capacity, agentPort } = flags;
    const given = { environment, publicIp, instanceType, browserEngine, capacity, agentPort };
    const body = { ...given, name, instanceId: flags.instanceId ?? name, labels: flags.label };
    const { identity, ...sandbox } = await ask(context, { what: `add sandbox ${name}` }, (api, signal) =>
      api.createSandbox({ body, signal }),
    );
    const lines = {
      VALET_SANDBOX_ID: identity.sandboxId,
      VALET_SANDBOX_TOKEN: identity.token,
      VALET_AGENT_KEY: identity.agentKey,
      VALET_API_URL: context.config().apiUrl,
      VALET_WORKER_ROLE: "sandbox",
    };
    const text = Object.entries(lines).map(([key, value]) => `${key}=${value}\n`);
    writeSync(file, text.join(""));
    isWritten = true;
    context.print({ ...sandbox, identityFile: path }, () =>
      [
        `Added ${sandbox.name} (${sandbox.id}) in ${sandbox.environment}.`,
        `Its identity is in ${path}: move it to /opt/valet/identity.env on the host, then delete it here.`,
      ].join("\n"),
    );
  } finally {
    closeSync(file);
    if (!isWritten) rmSync(path, { force: true });
  }
}

/** New and readable by its owner only; an existing file is never overwritten. */
function createFile(path: string): number {
  try {
    return openSync(path, "wx", 0o600);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new CliFailure(`Could not make the identity file ${path}: ${code === "EEXIST" ? "it exists" : code}`, {
      code: "usage",
      hint: "Name a new file in a folder that exists.",
      exitCode: 2,
      cause,
    });
  }
}
