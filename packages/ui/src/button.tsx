import type { ButtonHTMLAttributes, Ref } from "react";

export type ButtonKind = "primary" | "plain" | "danger" | "bare";

const kinds: Readonly<Record<ButtonKind, string>> = {
  primary: "bg-ink text-on-ink border-ink hover:bg-ink-soft",
  plain: "bg-surface text-ink border-line-strong hover:bg-sunken",
  danger: "bg-surface text-bad border-bad/50 hover:bg-bad/10",
  bare: "border-transparent text-muted hover:text-ink hover:bg-sunken",
};

export interface ButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  kind?: ButtonKind;
  /** Shows that the press is being worked on and takes no second one. */
  busy?: boolean;
  ref?: Ref<HTMLButtonElement>;
}

export function Button({ kind = "plain", busy = false, className = "", children, disabled, ...rest }: ButtonProps) {
  return (
    <button
      type="button"
      {...rest}
      disabled={disabled === true || busy}
      aria-busy={busy || undefined}
      className={`inline-flex min-h-8 cursor-pointer items-center justify-center gap-1.5 rounded-md border px-3 py-1 text-sm font-medium whitespace-nowrap disabled:cursor-default disabled:opacity-50 ${kinds[kind]} ${className}`}
    >
      {children}
      {busy ? <span className="sr-only">, working</span> : null}
    </button>
  );
}
