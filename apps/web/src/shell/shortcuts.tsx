import { useNavigate } from "@tanstack/react-router";
import { Button, Dialog } from "@valet/ui";
import { useEffect, useRef, useState } from "react";
import { toggleTheme } from "./theme-button.tsx";

/** Every shortcut there is. The dialog and the key handler both read this list. */
export const shortcuts = [
  { keys: "g f", does: "Go to the fleet", action: "fleet" },
  { keys: "g d", does: "Go to the deploys", action: "deploys" },
  { keys: "g t", does: "Go to the tasks", action: "tasks" },
  { keys: "/", does: "Search in this list", action: "search" },
  { keys: "j", does: "Next row", action: "next" },
  { keys: "k", does: "Previous row", action: "previous" },
  { keys: "Enter", does: "Open the row", action: null },
  { keys: "d", does: "Change between light and dark", action: "theme" },
  { keys: "?", does: "Show these shortcuts", action: "help" },
] as const;
export type ShortcutAction = Exclude<(typeof shortcuts)[number]["action"], null>;

/** What a key press means after the one before it; null when nothing, `pending` when it begins a pair. */
export function shortcutFor(before: string | null, key: string): ShortcutAction | "pending" | null {
  const pair = before === null ? key : `${before} ${key}`;
  const hit = shortcuts.find((shortcut) => shortcut.keys === pair)?.action;
  if (hit) return hit;
  return before === null && shortcuts.some((shortcut) => shortcut.keys.startsWith(`${key} `)) ? "pending" : null;
}

export function ShortcutsButton() {
  const [isOpen, setOpen] = useState(false);
  const navigate = useNavigate();
  const before = useRef<string | null>(null);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
      const action = shortcutFor(before.current, event.key);
      before.current = action === "pending" ? event.key : null;
      if (action === null || action === "pending") return;
      event.preventDefault();
      if (action === "help") setOpen(true);
      else if (action === "theme") toggleTheme();
      else if (action === "search") document.querySelector<HTMLElement>("[data-search]")?.focus();
      else if (action === "next") focusRow(1);
      else if (action === "previous") focusRow(-1);
      else void navigate({ to: `/${action}` });
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, [navigate]);
  return (
    <>
      <Button
        kind="bare"
        size="small"
        className="min-h-8"
        aria-label="Keyboard shortcuts"
        title="Keyboard shortcuts (?)"
        onClick={() => setOpen(true)}
      >
        ?
      </Button>
      {isOpen ? <ShortcutsDialog onClose={() => setOpen(false)} /> : null}
    </>
  );
}

function ShortcutsDialog(props: { onClose: () => void }) {
  return (
    <Dialog title="Keyboard shortcuts" onClose={props.onClose}>
      <dl className="mt-3 grid grid-cols-[auto_1fr] items-baseline gap-x-6 gap-y-2">
        {shortcuts.map((shortcut) => (
          <div key={shortcut.keys} className="contents">
            <dt className="flex gap-1">
              {shortcut.keys.split(" ").map((key) => (
                <kbd
                  key={key}
                  className="min-w-6 rounded border border-line-strong bg-canvas px-1.5 text-center font-mono text-xs leading-5"
                >
                  {key}
                </kbd>
              ))}
            </dt>
            <dd>{shortcut.does}</dd>
          </div>
        ))}
      </dl>
      <div className="mt-5 flex justify-end">
        <Button onClick={props.onClose}>Close</Button>
      </div>
    </Dialog>
  );
}

function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName) || target.closest("dialog") !== null)
  );
}

const headerPx = 48;

/** Moves the focus along the row links that are drawn; drawing follows as the page scrolls. */
function focusRow(direction: 1 | -1) {
  const rows = [...document.querySelectorAll<HTMLElement>("[data-row]")];
  const at = rows.findIndex((row) => row === document.activeElement);
  // Coming from elsewhere: begin with what is on the screen, below the header that stays.
  const seen = rows.find((row) => row.getBoundingClientRect().top >= headerPx) ?? rows[0];
  const next = at === -1 ? seen : rows[at + direction];
  next?.focus();
  next?.scrollIntoView({ block: "nearest" });
}
