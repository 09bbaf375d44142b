import { mkdir, open, readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { z } from "zod";

const submissionSchema = z.object({
  confirmation: z.string(),
  /** Which application this is: the same twice means it was submitted twice. */
  reference: z.string(),
  receivedAt: z.string(),
  name: z.string(),
  position: z.string(),
  document: z.object({ name: z.string(), bytes: z.number().int() }).nullable(),
});
export type Submission = z.infer<typeof submissionSchema>;

/** One JSON line a submission, synced before the applicant sees a confirmation. Nothing is ever merged or dropped. */
export interface SubmissionLog {
  append(submission: Omit<Submission, "confirmation">): Promise<Submission>;
  all(): Promise<Submission[]>;
}

export async function openSubmissionLog(path: string): Promise<SubmissionLog> {
  await mkdir(dirname(path), { recursive: true });
  const file = await open(path, "a");
  const all = async () =>
    (await readFile(path, "utf8"))
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => submissionSchema.parse(JSON.parse(line)));
  let count = (await all()).length;
  let last: Promise<unknown> = Promise.resolve();
  return {
    all,
    append(submission) {
      count += 1;
      const numbered = { confirmation: `NW-${String(count).padStart(6, "0")}`, ...submission };
      const written = last.then(async () => {
        await file.appendFile(`${JSON.stringify(numbered)}\n`);
        await file.sync();
        return numbered;
      });
      // One that fails must not fail those behind it.
      last = written.catch(() => undefined);
      return written;
    },
  };
}
