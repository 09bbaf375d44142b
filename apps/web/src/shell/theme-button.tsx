import { Button } from "@valet/ui";
import { useCallback, useEffect, useState, useSyncExternalStore } from "react";

type Theme = "light" | "dark";
const storageKey = "valet.theme";
const toggleEvent = "valet:toggle-theme";

/** Switches to the other theme; used by the shortcut. */
export function toggleTheme() {
  window.dispatchEvent(new Event(toggleEvent));
}

/** Switches between light and dark. A choice that equals the system's is not kept: then the page follows the system again. */
export function ThemeButton() {
  const system = useSystemTheme();
  const [chosen, setChosen] = useState<Theme | null>(() => readTheme(window.localStorage));
  const theme = chosen ?? system;
  const other: Theme = theme === "light" ? "dark" : "light";
  const toggle = useCallback(() => setChosen(other === system ? null : other), [other, system]);

  useEffect(() => {
    if (chosen === null) {
      delete document.documentElement.dataset.theme;
      window.localStorage.removeItem(storageKey);
    } else {
      document.documentElement.dataset.theme = chosen;
      window.localStorage.setItem(storageKey, chosen);
    }
  }, [chosen]);
  useEffect(() => {
    window.addEventListener(toggleEvent, toggle);
    return () => window.removeEventListener(toggleEvent, toggle);
  }, [toggle]);

  return (
    <Button
      kind="bare"
      size="small"
      className="min-h-8"
      aria-label={`Change to the ${other} theme`}
      title={`Change to the ${other} theme (d)`}
      onClick={toggle}
    >
      <svg
        aria-hidden="true"
        viewBox="0 0 16 16"
        width="16"
        height="16"
        fill="none"
        stroke="currentColor"
        strokeWidth="1.5"
      >
        {glyphs[theme]}
      </svg>
    </Button>
  );
}

const glyphs: Readonly<Record<Theme, React.ReactNode>> = {
  light: (
    <>
      <circle cx="8" cy="8" r="3" />
      <path d="M8 1v1.6M8 13.4V15M1 8h1.6M13.4 8H15M3 3l1.2 1.2M11.8 11.8 13 13M13 3l-1.2 1.2M4.2 11.8 3 13" />
    </>
  ),
  dark: <path d="M13 9.6A5.6 5.6 0 0 1 6.4 3 5.6 5.6 0 1 0 13 9.6z" />,
};

function useSystemTheme(): Theme {
  return useSyncExternalStore(
    (onChange) => {
      const query = window.matchMedia("(prefers-color-scheme: dark)");
      query.addEventListener("change", onChange);
      return () => query.removeEventListener("change", onChange);
    },
    () => (window.matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light"),
  );
}

function readTheme(storage: Storage): Theme | null {
  const kept = storage.getItem(storageKey);
  return kept === "light" || kept === "dark" ? kept : null;
}
