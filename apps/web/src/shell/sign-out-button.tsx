import { useMutation } from "@tanstack/react-query";
import { Button } from "@valet/ui";
import { useApp } from "../app-context.tsx";
import { useMe } from "../me.ts";

export function SignOutButton() {
  const { api, onSignedOut } = useApp();
  const me = useMe().data;
  const signOut = useMutation({ mutationFn: () => api.logout(), onSettled: onSignedOut });
  if (me === undefined) return null;
  return (
    <Button
      kind="bare"
      size="small"
      className="min-h-8"
      busy={signOut.isPending}
      title={`${me.name}, ${me.role} of ${me.tenantId}`}
      onClick={() => signOut.mutate()}
    >
      Sign out
    </Button>
  );
}
