/** Something that happens at a moment. */
export interface SimEvent {
  atMs: number;
  run(): void;
}

export interface EventQueue {
  push(atMs: number, run: () => void): void;
  /** The next one, or undefined when nothing is to come. */
  pop(): SimEvent | undefined;
  peekMs(): number | undefined;
}

interface Entry extends SimEvent {
  tie: number;
}

/** Events in the order of their times; those of one moment in an order that the seed draws. A binary heap. */
export function makeEventQueue(drawTie: () => number): EventQueue {
  const heap: Entry[] = [];
  const isBefore = (a: Entry, b: Entry): boolean => a.atMs < b.atMs || (a.atMs === b.atMs && a.tie < b.tie);

  function rise(at: number): void {
    const entry = heap[at] as Entry;
    let place = at;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (!isBefore(entry, heap[parent] as Entry)) break;
      heap[place] = heap[parent] as Entry;
      place = parent;
    }
    heap[place] = entry;
  }

  function sink(entry: Entry): void {
    let place = 0;
    for (;;) {
      let child = 2 * place + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1] as Entry, heap[child] as Entry)) child += 1;
      if (!isBefore(heap[child] as Entry, entry)) break;
      heap[place] = heap[child] as Entry;
      place = child;
    }
    heap[place] = entry;
  }

  return {
    push(atMs, run) {
      heap.push({ atMs, run, tie: drawTie() });
      rise(heap.length - 1);
    },
    pop() {
      const first = heap[0];
      const last = heap.pop();
      if (first && last && heap.length > 0) sink(last);
      return first;
    },
    peekMs: () => heap[0]?.atMs,
  };
}
