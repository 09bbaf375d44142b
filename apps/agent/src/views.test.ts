import { describe, expect, it } from "vitest";
import { admissionOf } from "./views.ts";

describe("memory for a second generation", () => {
  it("is there when what nobody uses is enough for it", () => {
    expect(admissionOf({ memoryTotalMb: 4000, memoryUsedMb: 3400 }, 600)).toMatchObject({ admits: true, freeMb: 600 });
    expect(admissionOf({ memoryTotalMb: 4000, memoryUsedMb: 3500 }, 600)).toMatchObject({ admits: false, freeMb: 500 });
  });
});
