import { useMutation } from "@tanstack/react-query";
import { ApiError, type ApiClient } from "@valet/contracts";
import { useApp } from "../../app-context.tsx";

export type PlanWish = NonNullable<Parameters<ApiClient["planDeploy"]>[0]>["body"];

/** Asks what a deploy would do. It changes nothing, so it may be asked as often as one likes. */
export function usePlan() {
  const { api } = useApp();
  return useMutation({ mutationFn: (body: PlanWish) => api.planDeploy({ body }) });
}

/** The plan that was looked at is not what would happen now. */
export function isPlanMoved(error: unknown): boolean {
  return error instanceof ApiError && error.apiCode === "plan_moved";
}
