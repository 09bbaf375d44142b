import { existsSync, readFileSync, readdirSync } from "node:fs";
import { statfs } from "node:fs/promises";
import { connect } from "node:net";
import { cpus, freemem, totalmem } from "node:os";
import { join } from "node:path";

export interface SystemFacts {
  cpu: number;
  memoryTotalMb: number;
  memoryUsedMb: number;
  diskTotalGb: number;
  diskUsedGb: number;
  adspowerStatus: "running" | "starting" | "stopped";
  activeProfiles: number;
}

const adspowerPort = 50_325;

/** Used memory is what nobody could get: MemTotal - MemAvailable. Caches are free for the taking and do not count. */
export function parseMemory(meminfo: string): { totalMb: number; usedMb: number } | undefined {
  const kb = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(meminfo)?.[1] ?? NaN);
  const total = kb("MemTotal");
  const available = kb("MemAvailable");
  if (Number.isNaN(total) || Number.isNaN(available)) return undefined;
  return { totalMb: Math.round(total / 1024), usedMb: Math.round((total - available) / 1024) };
}

/** Reads the machine. The processor's load is measured between two calls, at least a second apart. */
export function makeSystemFacts(ghDataDir: string, host: string): () => Promise<SystemFacts> {
  const readCpu = makeCpuMeter();
  return async () => {
    const memory = readMemory();
    const disk = await statfs(existsSync(ghDataDir) ? ghDataDir : "/");
    const gb = (blocks: number) => Math.round((blocks * disk.bsize) / 1e8) / 10;
    return {
      cpu: readCpu(),
      memoryTotalMb: memory.totalMb,
      memoryUsedMb: memory.usedMb,
      diskTotalGb: gb(disk.blocks),
      diskUsedGb: gb(disk.blocks - disk.bavail),
      adspowerStatus: await adspowerStatus(host),
      activeProfiles: countProfiles(ghDataDir),
    };
  };
}

function readMemory(): { totalMb: number; usedMb: number } {
  const fromProc = existsSync("/proc/meminfo") ? parseMemory(readFileSync("/proc/meminfo", "utf8")) : undefined;
  const mb = (bytes: number) => Math.round(bytes / 1024 / 1024);
  return fromProc ?? { totalMb: mb(totalmem()), usedMb: mb(totalmem() - freemem()) };
}

function makeCpuMeter(): () => number {
  const read = () => {
    const times = cpus().map((cpu) => cpu.times);
    const idle = times.reduce((sum, time) => sum + time.idle, 0);
    const total = times.reduce((sum, time) => sum + time.idle + time.user + time.nice + time.sys + time.irq, 0);
    return { atMs: performance.now(), idle, total };
  };
  let last = read();
  let percent = 0;
  return () => {
    const now = read();
    if (now.atMs - last.atMs >= 1000 && now.total > last.total) {
      percent = Math.round((1 - (now.idle - last.idle) / (now.total - last.total)) * 1000) / 10;
      last = now;
    }
    return percent;
  };
}

/** Connecting is enough: when AdsPower's local API listens, it runs. */
function adspowerStatus(host: string): Promise<SystemFacts["adspowerStatus"]> {
  return new Promise((resolve) => {
    const socket = connect({ host, port: adspowerPort, timeout: 200 });
    const end = (status: SystemFacts["adspowerStatus"]) => {
      socket.destroy();
      resolve(status);
    };
    socket.once("connect", () => end("running"));
    socket.once("timeout", () => end("starting"));
    socket.once("error", () => end("stopped"));
  });
}

function countProfiles(ghDataDir: string): number {
  const folder = join(ghDataDir, "profiles");
  return existsSync(folder) ? readdirSync(folder).length : 0;
}
