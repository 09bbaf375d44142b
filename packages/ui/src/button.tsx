import type { ButtonHTMLAttributes, Ref } from "react";

export type ButtonKind = "primary" | "plain" | "danger" | "bare";

const kinds: Readonly<Record<ButtonKind, string>> = {
  primary: "bg-ink text-on-ink border-ink hover:bg-ink-soft",
  plain: "bg-surface text-ink border-line-strong hover:bg-sunken",
  danger: "bg-surface text-bad border-bad/50 hover:bg-bad/10",
  bare: "border-transparent text-muted hover:text-ink hover:bg-sunken",
};

const sizes = { usual: "min-h-8 px-3 py-1 text-sm", small: "min-h-6 px-2 text-xs" };

export interface ButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  kind?: ButtonKind;
  size?: "small" | "usual";
  /** Shows that the press is being worked on and takes no second one. */
  busy?: boolean;
  ref?: Ref<HTMLButtonElement>;
}

export function Button({
  kind = "plain",
  size = "usual",
  busy = false,
  className = "",
  children,
  disabled,
  ...rest
}: ButtonProps) {
  return (
    <button
      type="button"
      {...rest}
      disabled={disabled === true || busy}
      aria-busy={busy || undefined}
      className={`inline-flex cursor-pointer items-center justify-center gap-1.5 rounded-md border font-medium whitespace-nowrap disabled:cursor-default disabled:opacity-50 ${kinds[kind]} ${sizes[size]} ${className}`}
    >
      {children}
      {busy ? <span className="sr-only">, working</span> : null}
    </button>
  );
}
