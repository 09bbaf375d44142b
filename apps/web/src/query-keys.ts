/** Keys of everything we load; a shorter key covers all that begin with it. */
export type Key = readonly unknown[];

export const keys = {
  all: ["valet"],
  me: ["valet", "me"],
  sandboxes: ["valet", "sandboxes"],
  deploys: ["valet", "deploys"],
  deploy: (id: string) => ["valet", "deploy", id],
  rolloutConfig: (environment: string) => ["valet", "rollout-config", environment],
  releases: ["valet", "releases"],
  deployConfig: ["valet", "deploy-config"],
  tasks: ["valet", "tasks"],
  task: (id: string) => ["valet", "task", id],
} as const satisfies Record<string, Key | ((id: string) => Key)>;
