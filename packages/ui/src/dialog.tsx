import { useEffect, useId, useRef, type ReactNode } from "react";

/** A modal dialog on the platform's own element: focus stays inside, Escape closes, focus returns where it was. */
export function Dialog(props: { title: string; onClose: () => void; children: ReactNode; wide?: boolean }) {
  const ref = useRef<HTMLDialogElement>(null);
  const titleId = useId();
  useEffect(() => {
    const before = document.activeElement;
    const dialog = ref.current;
    dialog?.showModal();
    return () => {
      dialog?.close();
      if (before instanceof HTMLElement) before.focus();
    };
  }, []);
  return (
    <dialog
      ref={ref}
      aria-labelledby={titleId}
      onCancel={(event) => {
        event.preventDefault();
        props.onClose();
      }}
      onClick={(event) => {
        if (event.target === event.currentTarget) props.onClose();
      }}
      className={`m-auto w-[calc(100%-2rem)] rounded-lg border border-line-strong bg-surface p-0 text-ink shadow-overlay backdrop:bg-scrim ${props.wide ? "max-w-4xl" : "max-w-md"}`}
    >
      <div className="p-5">
        <h2 id={titleId} className="text-lg font-semibold">
          {props.title}
        </h2>
        <div className="mt-2">{props.children}</div>
      </div>
    </dialog>
  );
}
