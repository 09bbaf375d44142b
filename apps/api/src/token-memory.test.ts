import { makeFakeClock } from "@valet/shared";
import { expect, test } from "vitest";
import { rememberTokens, tokenMemoryMs } from "./token-memory.ts";

test("a good token is looked up once a second, a bad one each time", async () => {
  const clock = makeFakeClock();
  const looked: string[] = [];
  let isRevoked = false;
  const ownerOf = rememberTokens(async (token) => {
    looked.push(token);
    return token === "good" && !isRevoked ? { name: "ann" } : undefined;
  }, clock);
  for (let n = 0; n < 3; n += 1) {
    expect(await ownerOf("good")).toEqual({ name: "ann" });
    expect(await ownerOf("bad")).toBeUndefined();
  }
  expect(looked).toEqual(["good", "bad", "bad", "bad"]);
  isRevoked = true;
  await clock.advance(tokenMemoryMs);
  expect(await ownerOf("good")).toBeUndefined();
});
