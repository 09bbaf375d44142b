import { useId, type InputHTMLAttributes, type Ref, type SelectHTMLAttributes } from "react";

const control =
  "min-h-8 w-full rounded-md border border-line-strong bg-surface px-2.5 py-1 text-sm text-ink placeholder:text-faint";

export interface InputProps extends InputHTMLAttributes<HTMLInputElement> {
  label: string;
  /** The label is read out, not shown: for search fields that explain themselves. */
  hideLabel?: boolean;
  hint?: string;
  ref?: Ref<HTMLInputElement>;
}

export function Input({ label, hideLabel, hint, className = "", ...rest }: InputProps) {
  const id = useId();
  return (
    <div className={className}>
      <label htmlFor={id} className={hideLabel ? "sr-only" : "mb-1 block text-sm font-medium"}>
        {label}
      </label>
      <input id={id} aria-describedby={hint ? `${id}-hint` : undefined} {...rest} className={control} />
      {hint ? (
        <p id={`${id}-hint`} className="mt-1 text-xs text-muted">
          {hint}
        </p>
      ) : null}
    </div>
  );
}

export interface SelectProps extends SelectHTMLAttributes<HTMLSelectElement> {
  label: string;
  hideLabel?: boolean;
  options: readonly { value: string; text: string }[];
}

export function Select({ label, hideLabel, options, className = "", ...rest }: SelectProps) {
  const id = useId();
  return (
    <div className={className}>
      <label htmlFor={id} className={hideLabel ? "sr-only" : "mb-1 block text-sm font-medium"}>
        {label}
      </label>
      <select id={id} {...rest} className={`${control} cursor-pointer pr-1`}>
        {options.map((option) => (
          <option key={option.value} value={option.value}>
            {option.text}
          </option>
        ))}
      </select>
    </div>
  );
}
