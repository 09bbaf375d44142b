import { createContext, useContext, useEffect, useState, type ReactNode } from "react";
import { ageWords, clockWords, durationWords } from "./times.ts";

const NowContext = createContext<number>(0);

/** One timer for every age and running clock on the page. */
export function NowProvider(props: { now: () => number; everyMs?: number; children: ReactNode }) {
  const { now, everyMs = 1000 } = props;
  const [current, setCurrent] = useState(now);
  useEffect(() => {
    const timer = setInterval(() => setCurrent(now()), everyMs);
    return () => clearInterval(timer);
  }, [now, everyMs]);
  return <NowContext value={current}>{props.children}</NowContext>;
}

export function useNow(): number {
  return useContext(NowContext);
}

/** `3 min ago`, with the exact time behind it. */
export function Age(props: { at: string }) {
  const now = useNow();
  const at = new Date(props.at);
  return (
    <time dateTime={props.at} title={at.toLocaleString()} className="whitespace-nowrap tabular-nums">
      {ageWords(Math.max(0, now - at.getTime()))}
    </time>
  );
}

/** The time of day of something that happened. */
export function ClockTime(props: { at: string }) {
  const now = useNow();
  const at = new Date(props.at);
  return (
    <time dateTime={props.at} title={at.toLocaleString()} className="whitespace-nowrap tabular-nums">
      {clockWords(at, new Date(now))}
    </time>
  );
}

/** From `from` to `to`, or running until now while `to` is null. */
export function Duration(props: { from: string; to: string | null }) {
  const now = useNow();
  const endMs = props.to === null ? now : Date.parse(props.to);
  return (
    <span className="whitespace-nowrap tabular-nums">{durationWords(Math.max(0, endMs - Date.parse(props.from)))}</span>
  );
}
