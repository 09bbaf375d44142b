import { Link, Outlet } from "@tanstack/react-router";
import { LiveProvider } from "../live/live-provider.tsx";
import { useMay } from "../me.ts";
import { ConnectionMark } from "./connection-mark.tsx";
import { ShortcutsButton } from "./shortcuts.tsx";
import { SignOutButton } from "./sign-out-button.tsx";
import { ThemeButton } from "./theme-button.tsx";

/** What stands around every page but the sign-in. */
export function Shell() {
  return (
    <LiveProvider>
      <a
        href="#main"
        className="sr-only focus:not-sr-only focus:fixed focus:top-2 focus:left-2 focus:z-20 focus:rounded-md focus:bg-surface focus:px-3 focus:py-2 focus:shadow-overlay"
      >
        Skip to the content
      </a>
      <header className="sticky top-0 z-10 border-b border-line bg-surface">
        <div className="mx-auto flex max-w-[1400px] flex-wrap items-center gap-x-6 px-4 sm:flex-nowrap lg:px-6">
          <span className="py-2.5 text-base font-extrabold tracking-tight">VALET</span>
          <MainNav />
          <div className="ml-auto flex items-center gap-1 py-1.5">
            <ConnectionMark />
            <ThemeButton />
            <ShortcutsButton />
            <SignOutButton />
          </div>
        </div>
      </header>
      <main id="main" tabIndex={-1} className="mx-auto max-w-[1400px] px-4 pt-6 pb-16 outline-none lg:px-6">
        <Outlet />
      </main>
    </LiveProvider>
  );
}

function MainNav() {
  const mayFleet = useMay("listSandboxes");
  const mayDeploys = useMay("listDeploys");
  return (
    <nav aria-label="Main" className="order-last -mb-px flex w-full gap-5 sm:order-none sm:w-auto">
      {mayFleet ? <NavLink to="/fleet" text="Fleet" /> : null}
      {mayDeploys ? <NavLink to="/deploys" text="Deploys" /> : null}
      <NavLink to="/tasks" text="Tasks" />
    </nav>
  );
}

function NavLink(props: { to: "/fleet" | "/deploys" | "/tasks"; text: string }) {
  return (
    <Link
      to={props.to}
      className="border-b-2 py-2 text-sm font-medium sm:py-3"
      activeProps={{ className: "border-ink text-ink" }}
      inactiveProps={{ className: "border-transparent text-muted hover:text-ink" }}
    >
      {props.text}
    </Link>
  );
}
