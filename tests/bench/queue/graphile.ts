import { makeWorkerUtils, run } from "graphile-worker";
import { Logger } from "graphile-worker";
import { type Measure, type Measured, freshDatabase, makeClock, rowsWrittenEach } from "./ours.ts";

/** Jobs a second of graphile-worker with a local queue and batched completion of the same size. */
export async function measureGraphile(serverUrl: string, input: Measure): Promise<Measured> {
  const total = input.tasks + input.warmUp;
  const { db, url } = await freshDatabase(serverUrl, "peer");
  const logger = new Logger(() => () => undefined);
  const utils = await makeWorkerUtils({ connectionString: url, logger });
  await utils.migrate();
  await db.query(
    `SELECT graphile_worker.add_jobs(array(SELECT json_populate_record(null::graphile_worker.job_spec,
       json_build_object('identifier', 'noop', 'payload', json_build_object('n', n))) FROM generate_series(1, $1) n))`,
    [total],
  );
  await utils.release();
  await db.query("VACUUM ANALYZE");
  let done = 0;
  let finish = (): void => undefined;
  const finished = new Promise<void>((resolve) => (finish = resolve));
  const clock = makeClock(input.warmUp);
  const runner = await run({
    connectionString: url,
    logger,
    noHandleSignals: true,
    taskList: {
      noop: async () => {
        done += 1;
        clock.note(done);
        if (done === total) finish();
      },
    },
    preset: {
      worker: {
        connectionString: url,
        concurrentJobs: input.batch,
        maxPoolSize: 8,
        localQueue: { size: input.batch },
        completeJobBatchDelay: 1,
        failJobBatchDelay: 1,
      },
    },
  });
  await finished;
  await runner.stop();
  const perSecond = clock.perSecond(total);
  const { rows } = await db.query<{ left: number }>("SELECT count(*) AS left FROM graphile_worker._private_jobs");
  await db.close();
  if (rows[0]?.left !== 0) throw new Error(`${rows[0]?.left} jobs were left`);
  return { perSecond, rowsEach: await rowsWrittenEach(serverUrl, "peer", total) };
}
