import { crc32, deflateSync } from "node:zlib";

/** A PNG that looks like a page from afar: a bar, lines of text, a button. */
export function fixturePicture(width: number, height: number): Buffer {
  const rows: Buffer[] = [];
  for (let y = 0; y < height; y += 1) {
    const row = Buffer.alloc(1 + width * 3, 250);
    row[0] = 0;
    const isLine = y > 70 && y < 260 && y % 34 < 12;
    for (let x = 0; x < width; x += 1) {
      const isBar = y < 40;
      const isButton = y > 300 && y < 336 && x > 60 && x < 190;
      const isText = isLine && x > 60 && x < width - 90 - ((y * 13) % 140);
      if (isBar || isButton) row.set([38, 78, 120], 1 + x * 3);
      else if (isText) row.set([206, 212, 218], 1 + x * 3);
    }
    rows.push(row);
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2, 0, 0, 0], 8);
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    chunk("IHDR", header),
    chunk("IDAT", deflateSync(Buffer.concat(rows))),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(data.length);
  const check = Buffer.alloc(4);
  check.writeUInt32BE(crc32(body) >>> 0);
  return Buffer.concat([length, body, check]);
}
