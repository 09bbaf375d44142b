import { agentGenerationSchema } from "@valet/contracts";
import { type Result, err, ok } from "@valet/shared";
import { z } from "zod";
import { withDeadline } from "../deadline.ts";
import { textOf } from "./outcome.ts";

const generationSchema = agentGenerationSchema.pick({
  generation: true,
  state: true,
  imageTag: true,
  imageDigest: true,
  desiredDigest: true,
  apiPort: true,
});
export type AgentGenerationView = z.output<typeof generationSchema>;
const listSchema = z.array(generationSchema);
const answerSchema = z.union([listSchema, z.object({ generations: listSchema }).transform((body) => body.generations)]);

/** GET /generations of this host's agent: what runs here, and where its GH api listens. */
export async function fetchGenerations(
  agentUrl: string,
  signal: AbortSignal,
): Promise<Result<AgentGenerationView[], { message: string }>> {
  try {
    return await withDeadline(3_000, signal, async (s) => {
      const response = await fetch(`${agentUrl}/generations`, { signal: s });
      const text = await response.text();
      if (!response.ok) return err({ message: `the agent answered ${response.status}: ${text.slice(0, 200)}` });
      return ok(answerSchema.parse(JSON.parse(text)));
    });
  } catch (error) {
    return err({ message: textOf(error) });
  }
}
