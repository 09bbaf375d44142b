import { defaultKnobs } from "@valet/shared";
import { makeMemoryStore } from "./memory-store.ts";
import { describeStore } from "./testing/store-conformance.ts";
import { freshDeploy, makeWorld } from "./testing/world.ts";

describeStore("memory", async () => {
  const store = makeMemoryStore();
  for (const [id, sandbox] of makeWorld(["a", "b"]).store.sandboxes) store.sandboxes.set(id, sandbox);
  let count = 0;
  return {
    store,
    sandboxIds: ["a", "b"],
    async addQueued(tag) {
      count += 1;
      store.add(freshDeploy(`d${count}`, tag, "staging", defaultKnobs()));
      return `d${count}`;
    },
    async askAbort(deployId) {
      store.request(deployId, { kind: "abort", actor: "op", reason: "" });
    },
    close: async () => undefined,
  };
});
