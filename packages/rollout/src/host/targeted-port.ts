/** First of the 50 ports for targeted workers (contract: 3110 + cksum mod 50). */
export const targetedPortBase = 3110;
export const targetedPortCount = 50;

/** The port a targeted worker's id maps to. */
export function targetedPort(workerId: string): number {
  return targetedPortBase + (posixCksum(Buffer.from(`${workerId}\n`)) % targetedPortCount);
}

/** The id's own port or, when that is taken, the next free one of the range; undefined when all are taken. */
export function freeTargetedPort(workerId: string, taken: ReadonlySet<number>): number | undefined {
  const first = targetedPort(workerId) - targetedPortBase;
  for (let step = 0; step < targetedPortCount; step++) {
    const port = targetedPortBase + ((first + step) % targetedPortCount);
    if (!taken.has(port)) return port;
  }
  return undefined;
}

/** What `cksum` prints: CRC-32 with polynomial 04C11DB7 over the bytes and then their count. */
export function posixCksum(bytes: Uint8Array): number {
  let crc = 0;
  const feed = (byte: number) => {
    crc ^= byte << 24;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 0x80000000) === 0 ? crc << 1 : (crc << 1) ^ 0x04c11db7;
  };
  for (const byte of bytes) feed(byte);
  for (let length = bytes.length; length > 0; length = Math.floor(length / 256)) feed(length & 0xff);
  return ~crc >>> 0;
}
