import { createHash } from "node:crypto";
import { mkdir, open, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";

export interface StoredFile {
  name: string;
  contentType: string;
  bytes: number;
  sha256: string;
}

/** Files of attempts, kept until well after the control plane has fetched them. */
export interface ArtifactFolder {
  /** Stores and syncs; a name already there gets a number behind it. */
  keep(attempt: string, name: string, bytes: Buffer): Promise<StoredFile>;
  /** Removes folders of attempts that `isHeld` no longer names and that are older than the grace. */
  sweep(isHeld: (attempt: string) => boolean, nowMs: number): Promise<void>;
}

/** Whoever relays events may fetch their files a little later. */
const graceMs = 10 * 60_000;

export function makeArtifactFolder(dataDir: string): ArtifactFolder {
  const root = join(dataDir, "artifacts");
  return {
    async keep(attempt, name, bytes) {
      const folder = join(root, attempt);
      await mkdir(folder, { recursive: true });
      const fileName = await freeName(
        folder,
        name.replace(/[^A-Za-z0-9_-]+/g, "-").replace(/^[-_]+/, "") || "screenshot",
      );
      const file = await open(join(folder, fileName), "wx", 0o600);
      try {
        await file.writeFile(bytes);
        await file.datasync();
      } finally {
        await file.close();
      }
      const sha256 = createHash("sha256").update(bytes).digest("hex");
      return { name: fileName, contentType: "image/png", bytes: bytes.length, sha256 };
    },
    async sweep(isHeld, nowMs) {
      await mkdir(root, { recursive: true });
      for (const attempt of await readdir(root)) {
        const folder = join(root, attempt);
        if (isHeld(attempt) || nowMs - (await stat(folder)).mtimeMs < graceMs) continue;
        await rm(folder, { recursive: true, force: true });
      }
    },
  };
}

async function freeName(folder: string, base: string): Promise<string> {
  const taken = new Set(await readdir(folder));
  for (let number = 1; ; number += 1) {
    const name = number === 1 ? `${base}.png` : `${base}-${number}.png`;
    if (!taken.has(name)) return name;
  }
}
