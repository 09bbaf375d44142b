import { useEffect } from "react";

/** Names the page in the tab and in the history; a reader of many tabs sees which is which. */
export function usePageTitle(title: string) {
  useEffect(() => {
    document.title = `${title}, VALET`;
    return () => {
      document.title = "VALET";
    };
  }, [title]);
}
