import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { attestRelease } from "@valet/contracts/node";

/**
 * Digest of the files this process runs from, computed by itself: never the one somebody said it should be.
 * Without a release folder (development) it is the digest of the entry file alone.
 */
export async function ownDigest(releaseDir: string | undefined, entryFile: string): Promise<string> {
  if (releaseDir === undefined) {
    return `sha256:${createHash("sha256")
      .update(await readFile(entryFile))
      .digest("hex")}`;
  }
  const attested = await attestRelease(releaseDir);
  if (!attested.ok)
    throw new Error(`the installed release in ${releaseDir} is not what was published: ${attested.error.message}`);
  return attested.value.digest;
}
