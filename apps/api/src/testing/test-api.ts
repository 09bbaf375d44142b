import { randomBytes } from "node:crypto";
import { type Database, type TestDatabase, createTestDatabase, createToken, ensureTenant } from "@valet/db";
import type { Clock, Role } from "@valet/shared";
import type { FastifyInstance, LightMyRequestResponse } from "fastify";
import { pino } from "pino";
import { buildApp } from "../app.ts";
import { type ApiConfig, readConfig } from "../config.ts";

export const webhookSecret = "the webhook's secret";
export const serviceSecret = "the service's secret";

export interface TestApi {
  app: FastifyInstance;
  db: Database;
  database: TestDatabase;
  config: ApiConfig;
  /** One API token a role; `other` is a client of another tenant. */
  tokens: Record<Role | "other", string>;
  call(request: CallRequest): Promise<LightMyRequestResponse>;
  /** Another replica over the same database. */
  replica(): Promise<FastifyInstance>;
  close(): Promise<void>;
}

export interface CallRequest {
  method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  url: string;
  /** Role whose token is sent; `null` for none, any other text is the token itself. */
  as?: Role | "other" | null | (string & {});
  body?: unknown;
  headers?: Record<string, string>;
}

export interface TestApiOptions {
  env?: Record<string, string>;
  clock?: Clock;
  log?: (line: string) => void;
}

/** A whole API over a database of its own. */
export async function makeTestApi(options: TestApiOptions = {}): Promise<TestApi> {
  const database = await createTestDatabase();
  const { db } = database;
  const config = readConfig({
    DATABASE_URL: database.url,
    JWT_SECRET: randomBytes(32).toString("hex"),
    VALET_SEAL_KEY: randomBytes(32).toString("base64"),
    VALET_DEPLOY_WEBHOOK_SECRET: webhookSecret,
    GH_SERVICE_SECRET: serviceSecret,
    LOG_LEVEL: "silent",
    ...options.env,
  });
  const tokens = await makeTokens(db);
  const logger = options.log
    ? pino({ level: "info" }, { write: options.log })
    : pino({ level: config.LOG_LEVEL }, process.stderr);
  const build = () => buildApp({ db, config, logger, ...(options.clock ? { clock: options.clock } : {}) });
  const app = await build();
  await app.ready();
  const replicas: FastifyInstance[] = [];
  return {
    app,
    db,
    database,
    config,
    tokens,
    call: ({ method, url, as = "admin", body, headers = {} }) => {
      const token = as === null ? null : ((tokens as Record<string, string>)[as] ?? as);
      return app.inject({
        method: method ?? (body === undefined ? "GET" : "POST"),
        url,
        headers: {
          ...(token === null ? {} : { authorization: `Bearer ${token}` }),
          ...(body === undefined ? {} : { "content-type": "application/json" }),
          ...headers,
        },
        ...(body === undefined ? {} : { payload: typeof body === "string" ? body : JSON.stringify(body) }),
      });
    },
    async replica() {
      const another = await build();
      await another.ready();
      replicas.push(another);
      return another;
    },
    async close() {
      await Promise.all([app, ...replicas].map((one) => one.close()));
      await database.drop();
    },
  };
}

async function makeTokens(db: Database): Promise<TestApi["tokens"]> {
  await ensureTenant(db, "other", "Other");
  const make = async (tenantId: string, role: Role) =>
    (await createToken(db, { tenantId, role, name: `${tenantId} ${role}` })).token.reveal();
  return {
    client: await make("test", "client"),
    viewer: await make("test", "viewer"),
    operator: await make("test", "operator"),
    admin: await make("test", "admin"),
    other: await make("other", "client"),
  };
}
