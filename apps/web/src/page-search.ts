import { deployStates, environments, sandboxStates, taskStates } from "@valet/shared";
import { z } from "zod";

/**
 * What a page keeps in its address, so that a filtered list can be sent to a colleague. A value that makes no sense is
 * dropped, not an error: addresses are typed by hand.
 */
const text = z.coerce.string().max(200).optional().catch(undefined);
const environment = z.enum(environments).optional().catch(undefined);
const page = z.coerce.number().int().min(1).max(100_000).optional().catch(undefined);

export const fleetSearchSchema = z.object({
  search: text,
  environment,
  status: z.enum(sandboxStates).optional().catch(undefined),
});
export const deploySearchSchema = z.object({
  environment,
  state: z.enum(deployStates).optional().catch(undefined),
  page,
});
export const taskSearchSchema = z.object({
  search: text,
  state: z.enum(taskStates).optional().catch(undefined),
  page,
  pageSize: z.coerce.number().int().min(1).max(1000).optional().catch(undefined),
  sortBy: z.enum(["createdAt", "enqueuedAt", "state", "priority"]).optional().catch(undefined),
  sortOrder: z.enum(["asc", "desc"]).optional().catch(undefined),
});
export const deployTabSchema = z.object({ tab: z.enum(["history", "settings"]).optional().catch(undefined) });
export const compareSearchSchema = z.object({ from: text, to: text });
export const rolloutSearchSchema = z.object({ environment });
export const loginSearchSchema = z.object({ link: text, from: text });
