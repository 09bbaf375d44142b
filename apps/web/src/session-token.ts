/**
 * The token of a sign-in by token, for this tab only. A sign-in by one-time link leaves an HttpOnly cookie instead and
 * nothing here.
 */
export interface SessionToken {
  read(): string | null;
  write(token: string | null): void;
}

const key = "valet.token";

export function makeSessionToken(storage: Storage): SessionToken {
  return {
    read: () => storage.getItem(key),
    write: (token) => (token === null ? storage.removeItem(key) : storage.setItem(key, token)),
  };
}
