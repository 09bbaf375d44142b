/**
 * Makes `target` what `before` says, keeping its objects: others hold on to them. Lists are compared place by place. For a change that
 * could not be written down, so that memory and disk go on saying the same.
 */
export function restoreInPlace(target: object, before: object): void {
  const to = target as Record<string, unknown>;
  const from = before as Record<string, unknown>;
  if (Array.isArray(target) && Array.isArray(before)) target.length = Math.min(target.length, before.length);
  else for (const key of Object.keys(to)) if (!(key in from)) delete to[key];
  for (const [key, value] of Object.entries(from)) {
    const now = to[key];
    if (isPlain(now) && isPlain(value) && Array.isArray(now) === Array.isArray(value)) restoreInPlace(now, value);
    else to[key] = value;
  }
}

const isPlain = (value: unknown): value is object => typeof value === "object" && value !== null;
