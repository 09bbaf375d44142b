import { ApiError, taskSubmitSchema } from "@valet/contracts";
import { describe, expect, it } from "vitest";
import { failureWords, isSignedOut, isWorthRetrying } from "./failure.ts";

const refusal = (status: number, details?: ApiError["details"]) =>
  new ApiError(status, "validation", "The body is wrong", "req-1", details);

describe("failureWords", () => {
  it("names the field that was refused, and the request to ask about", () => {
    const error = refusal(422, [{ field: "imageTag", message: "is too long", code: "too_big" }]);
    expect(failureWords(error)).toBe("The body is wrong: imageTag: is too long (request req-1)");
  });

  it("blames neither side when they do not understand each other", () => {
    const { error } = taskSubmitSchema.safeParse({ steps: 1 });
    expect(failureWords(error)).toMatch(/does not understand at steps.*Reload/);
  });

  it("tells a network failure from a refusal", () => {
    expect(failureWords(new TypeError("Failed to fetch"))).toMatch(/cannot be reached/);
    expect(failureWords(new DOMException("late", "TimeoutError"))).toMatch(/in time/);
  });
});

it("tries again only what may pass", () => {
  expect([401, 404, 409, 422].map((status) => isWorthRetrying(refusal(status)))).toEqual([false, false, false, false]);
  expect([429, 500, 503].map((status) => isWorthRetrying(refusal(status)))).toEqual([true, true, true]);
  expect(isWorthRetrying(new TypeError("Failed to fetch"))).toBe(true);
  expect([isSignedOut(refusal(401)), isSignedOut(refusal(403))]).toEqual([true, false]);
});
