import { useQueryClient } from "@tanstack/react-query";
import { getRouteApi, useNavigate } from "@tanstack/react-router";
import { Button, ErrorState, Input } from "@valet/ui";
import { useCallback, useEffect, useRef, useState } from "react";
import { useApp } from "../app-context.tsx";
import { failureWords } from "../failure.ts";
import { keys } from "../query-keys.ts";
import { usePageTitle } from "../shell/use-page-title.ts";

const route = getRouteApi("/login");

/** Sign-in by API token, or by the one-time link that `npm start` prints. */
export function LoginPage() {
  usePageTitle("Sign in");
  const { api, config, token } = useApp();
  const { link, from } = route.useSearch();
  const navigate = useNavigate();
  const queryClient = useQueryClient();
  const [typed, setTyped] = useState("");
  const [isBusy, setBusy] = useState(link !== undefined);
  const [failure, setFailure] = useState<string | null>(null);

  const signIn = useCallback(
    async (attempt: () => Promise<{ role: string }>) => {
      setBusy(true);
      setFailure(null);
      try {
        const me = await attempt();
        queryClient.clear();
        queryClient.setQueryData(keys.me, me);
        await navigate({ href: safeReturn(from) ?? (me.role === "client" ? "/tasks" : "/fleet"), replace: true });
      } catch (error) {
        token.write(null);
        setFailure(failureWords(error));
        setBusy(false);
      }
    },
    [from, navigate, queryClient, token],
  );

  // The link works once: it must not be sent a second time, whatever makes the page draw again.
  const exchanged = useRef<string | null>(null);
  useEffect(() => {
    if (link === undefined || exchanged.current === link) return;
    exchanged.current = link;
    void signIn(async () => {
      const session = await api.exchangeLoginLink({ body: { token: link } });
      // The cookie is the API's own origin's: from another origin only the token can speak for us.
      if (config.apiUrl !== "") token.write(session.token);
      return { tenantId: session.tenantId, role: session.role, name: session.name, environment: session.environment };
    });
  }, [api, config.apiUrl, link, signIn, token]);

  return (
    <main className="mx-auto flex min-h-dvh max-w-sm flex-col justify-center px-4 pb-[12vh]">
      <h1 className="text-2xl font-extrabold tracking-tight">VALET</h1>
      <p className="mt-1 text-base text-muted">Sign in to see the fleet, its deploys and its tasks.</p>
      {isBusy && link !== undefined ? (
        <p role="status" className="mt-6">
          Signing in with your link
        </p>
      ) : (
        <form
          className="mt-6"
          onSubmit={(event) => {
            event.preventDefault();
            token.write(typed.trim());
            void signIn(() => api.me());
          }}
        >
          {failure === null ? null : (
            <div className="mb-4">
              <ErrorState
                what={link === undefined ? "This token was not accepted" : "This link was not accepted"}
                why={failure}
              />
            </div>
          )}
          <Input
            label="API token"
            hint="It stays in this tab only."
            type="password"
            autoComplete="current-password"
            required
            autoFocus
            value={typed}
            onChange={(event) => setTyped(event.target.value)}
          />
          <Button type="submit" kind="primary" className="mt-4 w-full" busy={isBusy}>
            Sign in
          </Button>
        </form>
      )}
    </main>
  );
}

/** A page of ours to go back to; never another site's address. */
export function safeReturn(from: string | undefined): string | null {
  return from !== undefined && /^\/(?![/\\])/.test(from) && !from.startsWith("/login") ? from : null;
}
