import { Input } from "@valet/ui";
import { useEffect, useRef, useState } from "react";

/** A search that asks for the list only when the typing pauses. `/` focuses it. */
export function SearchField(props: {
  label: string;
  value: string;
  onSearch: (text: string) => void;
  className?: string;
}) {
  const { value, onSearch } = props;
  const [typed, setTyped] = useState(value);
  const asked = useRef(value);
  useEffect(() => {
    if (value !== asked.current) setTyped(value);
    asked.current = value;
  }, [value]);
  useEffect(() => {
    if (typed === asked.current) return;
    const timer = setTimeout(() => {
      asked.current = typed;
      onSearch(typed);
    }, 250);
    return () => clearTimeout(timer);
  }, [typed, onSearch]);
  return (
    <Input
      type="search"
      data-search=""
      label={props.label}
      hideLabel
      placeholder={props.label}
      value={typed}
      className={props.className ?? ""}
      onChange={(event) => setTyped(event.target.value)}
    />
  );
}
