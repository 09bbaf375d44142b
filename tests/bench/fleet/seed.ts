import { randomUUID } from "node:crypto";
import { seal } from "@valet/contracts/node";
import { createSandbox, moveSandbox, setAllowedReleases, setSealedAgentKey } from "@valet/db";
import { Secret } from "@valet/shared";
import type { ControlPlane } from "../control-plane.ts";
import { benchDigest } from "./simulated-host.ts";

/** Sandboxes in service that may run the one release; one agent answers for all. Returns their tokens. */
export async function seedSandboxes(
  plane: ControlPlane,
  input: { sessions: number; slots: number; agentPort: number; agentKey: string },
): Promise<string[]> {
  await setAllowedReleases(plane.db, "dev", "ghosthands", [{ imageDigest: benchDigest, reason: "bench" }]);
  const tokens: string[] = [];
  for (let n = 0; n < input.sessions; n += 1) {
    const token = randomUUID();
    tokens.push(token);
    await plane.db.tx(async (tx) => {
      const made = await createSandbox(tx, {
        ...{ name: `bench-${n}`, environment: "dev", instanceId: `bench-${n}`, publicIp: "127.0.0.1" },
        ...{ agentPort: input.agentPort, instanceType: "bench", browserEngine: "chromium", capacity: input.slots },
        ...{ labels: {}, sealedAgentKey: "sealed", token: new Secret(token) },
      });
      if (!made.ok) throw new Error(made.error.message);
      const key = seal(new Secret(plane.sealKey), made.value.id, input.agentKey);
      await setSealedAgentKey(tx, made.value.id, key);
      await moveSandbox(tx, made.value.id, { to: "active", reason: "bench" });
      await tx.query("UPDATE sandboxes SET target_generation = 1 WHERE id = $1", [made.value.id]);
      await tx.query("UPDATE slots SET generation = 1 WHERE sandbox_id = $1", [made.value.id]);
    });
  }
  return tokens;
}
