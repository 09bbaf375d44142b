import { InvalidArgumentError } from "commander";

/** Parsers for flag values. Each refuses what it cannot read with a sentence that says what is allowed: exit code 2. */
export function integer(min: number, max: number) {
  return (text: string): number => {
    const value = Number(text);
    if (!/^-?\d+$/.test(text) || value < min || value > max) {
      throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
    }
    return value;
  };
}

export function oneOf<T extends string>(allowed: readonly T[], aliases: Readonly<Record<string, T>> = {}) {
  return (text: string): T => {
    const value = aliases[text] ?? allowed.find((candidate) => candidate === text);
    if (value === undefined) throw new InvalidArgumentError(`Allowed: ${allowed.join(", ")}.`);
    return value;
  };
}

export function textOf(maxCharacters: number) {
  return (text: string): string => {
    if (text.trim() === "") throw new InvalidArgumentError("It must not be blank.");
    if (text.length > maxCharacters)
      throw new InvalidArgumentError(`It must have at most ${maxCharacters} characters.`);
    return text;
  };
}

export function pattern(regex: RegExp, allowed: string) {
  return (text: string): string => {
    if (!regex.test(text)) throw new InvalidArgumentError(`It must be ${allowed}.`);
    return text;
  };
}

export function webAddress(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url?.protocol !== "http:" && url?.protocol !== "https:") {
    throw new InvalidArgumentError("It must be an http:// or https:// address.");
  }
  return text;
}

/** A repeatable `name=value`; the same name twice is an error, not a silent last-wins. */
export function pairs(text: string, previous: Readonly<Record<string, string>> = {}): Record<string, string> {
  const cut = text.indexOf("=");
  if (cut < 1) throw new InvalidArgumentError("It must be NAME=VALUE.");
  const name = text.slice(0, cut);
  if (Object.hasOwn(previous, name)) throw new InvalidArgumentError(`${name} is given twice.`);
  return { ...previous, [name]: text.slice(cut + 1) };
}

/** A repeatable flag. */
export function list(text: string, previous: readonly string[] = []): string[] {
  if (text.trim() === "") throw new InvalidArgumentError("It must not be blank.");
  return [...previous, text];
}

export const onOff = (text: string): boolean => oneOf(["on", "off"])(text) === "on";
export const environmentFlag = oneOf(["dev", "staging", "production"] as const, { prod: "production" });
