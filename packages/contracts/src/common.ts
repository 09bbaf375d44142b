import { browserEngines, environments, roles, services } from "@valet/shared";
import { z } from "zod";

/** `prod` is accepted at the edges and becomes `production`. */
export const environmentSchema = z.preprocess((v) => (v === "prod" ? "production" : v), z.enum(environments));
export const serviceSchema = z.enum(services);
export const roleSchema = z.enum(roles);
export const browserEngineSchema = z.enum(browserEngines);

export const idSchema = z.uuid();
export const digestSchema = z.string().regex(/^sha256:[0-9a-f]{64}$/, "must be sha256: and 64 hex digits");
export const imageTagSchema = z.string().regex(/^[A-Za-z0-9._\-/:]{1,128}$/, "1 to 128 letters, digits or . _ - / :");
export const isoTimeSchema = z.iso.datetime({ offset: true });

export const fieldDetailSchema = z.object({ field: z.string(), message: z.string(), code: z.string() });
export const errorEnvelopeSchema = z.object({
  error: z.string(),
  message: z.string(),
  details: z.array(fieldDetailSchema).optional(),
  requestId: z.string(),
});
export type ErrorEnvelope = z.infer<typeof errorEnvelopeSchema>;

export const paginationQuerySchema = z.object({
  page: z.coerce.number().int().min(1).max(100_000).default(1),
  pageSize: z.coerce.number().int().min(1).max(1000).default(25),
  search: z.string().max(200).optional(),
  sortOrder: z.enum(["asc", "desc"]).default("desc"),
});
export const paginationSchema = z.object({
  page: z.number().int(),
  pageSize: z.number().int(),
  total: z.number().int(),
  totalPages: z.number().int(),
});
export type Pagination = z.infer<typeof paginationSchema>;

export function pageOf<T extends z.ZodType>(item: T) {
  return z.object({ data: z.array(item), pagination: paginationSchema });
}
