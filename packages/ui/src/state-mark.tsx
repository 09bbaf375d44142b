import { words, type Tone } from "./tones.ts";

const textColour: Readonly<Record<Tone, string>> = {
  good: "text-good",
  active: "text-active",
  waiting: "text-waiting",
  attention: "text-attention",
  bad: "text-bad",
  quiet: "text-faint",
};

/** A state: its shape, and its name in words. `size` large is for page headings. */
export function StateMark(props: { state: string; tone: Tone; size?: "small" | "large" }) {
  const large = props.size === "large";
  return (
    <span
      className={`inline-flex items-baseline gap-1.5 whitespace-nowrap font-medium ${large ? "text-base" : "text-sm"}`}
    >
      <ToneShape tone={props.tone} sizePx={large ? 14 : 12} />
      <span>{words(props.state)}</span>
    </span>
  );
}

/** The shape of a tone. Decorative: the words stand beside it. */
export function ToneShape(props: { tone: Tone; sizePx?: number }) {
  const sizePx = props.sizePx ?? 12;
  return (
    <svg
      aria-hidden="true"
      viewBox="0 0 12 12"
      width={sizePx}
      height={sizePx}
      className={`relative shrink-0 ${sizePx > 12 ? "top-[2px]" : "top-[1.5px]"} ${textColour[props.tone]}`}
      fill="none"
      stroke="currentColor"
      strokeWidth="1.6"
      strokeLinecap="round"
      strokeLinejoin="round"
    >
      {shapes[props.tone]}
    </svg>
  );
}

const shapes: Readonly<Record<Tone, React.ReactNode>> = {
  good: <circle cx="6" cy="6" r="4.5" fill="currentColor" />,
  active: (
    <>
      <circle cx="6" cy="6" r="4.5" />
      <path d="M6 1.5a4.5 4.5 0 0 1 0 9z" fill="currentColor" />
    </>
  ),
  waiting: <circle cx="6" cy="6" r="4.5" strokeDasharray="2.2 2.5" />,
  attention: <path d="M6 1.4 11 10.4H1z" fill="currentColor" />,
  bad: <path d="M6 .9 11.1 6 6 11.1.9 6z" fill="currentColor" />,
  quiet: <path d="M2 6h8" />,
};
