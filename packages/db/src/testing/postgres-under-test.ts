/**
 * Which Postgres the tests run on: the folder of an npm package with binaries, or undefined for the embedded one. `npm test` names
 * the version that production runs.
 */
export function postgresUnderTest(): string | undefined {
  return process.env.VALET_TEST_POSTGRES || undefined;
}
