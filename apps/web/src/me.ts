import { useQuery } from "@tanstack/react-query";
import { routes, type RouteName } from "@valet/contracts";
import type { Role } from "@valet/shared";
import { useApp } from "./app-context.tsx";
import { keys } from "./query-keys.ts";

/** Who is signed in. */
export function useMe() {
  const { api } = useApp();
  return useQuery({
    queryKey: keys.me,
    queryFn: ({ signal }) => api.me({ signal }),
    staleTime: 60_000,
  });
}

/** Whether the one who is signed in may call a route. Until that is known, what only reads is offered and nothing else. */
export function useMay(route: RouteName): boolean {
  const role = useMe().data?.role;
  return role === undefined ? routes[route].method === "GET" : mayCall(route, role);
}

export function mayCall(route: RouteName, role: Role): boolean {
  const { access } = routes[route];
  return Array.isArray(access) ? (access as readonly Role[]).includes(role) : access === "public";
}
