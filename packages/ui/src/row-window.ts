import { useCallback, useEffect, useLayoutEffect, useRef, useState } from "react";

/** Which rows to draw, and the empty space that stands for the others. `last` is exclusive. */
export interface RowRange {
  first: number;
  last: number;
  beforePx: number;
  afterPx: number;
}

/** Pure part: the rows of a list that cross `fromPx..toPx` (list coordinates), with `overscan` more on each side. */
export function rangeOf(
  heightOf: (row: number) => number,
  count: number,
  fromPx: number,
  toPx: number,
  overscan: number,
): RowRange {
  let first = count;
  let last = count;
  let beforePx = 0;
  let edgePx = 0;
  const tops: number[] = [];
  for (let row = 0; row < count; row += 1) {
    tops.push(edgePx);
    const bottomPx = edgePx + heightOf(row);
    if (first === count && bottomPx > fromPx) first = row;
    if (last === count && edgePx >= toPx) last = row;
    edgePx = bottomPx;
  }
  first = Math.max(0, Math.min(first, count - 1) - overscan);
  last = Math.min(count, last + overscan);
  beforePx = tops[first] ?? 0;
  return { first, last, beforePx, afterPx: edgePx - (tops[last] ?? edgePx) };
}

/**
 * Draws only the rows near the screen of a list that scrolls with the page. Rows may differ in height: give each drawn
 * row `ref={measure(row)}`; until it was seen, `estimateHeightPx` stands for it.
 */
export function useRowWindow(props: { count: number; estimateHeightPx: number; overscan?: number }) {
  const { count, estimateHeightPx, overscan = 10 } = props;
  const listRef = useRef<HTMLElement | null>(null);
  const heights = useRef(new Map<number, number>());
  const [range, setRange] = useState<RowRange>(() => rangeOf(() => estimateHeightPx, count, 0, 1000, overscan));

  const update = useCallback(() => {
    const topPx = listRef.current?.getBoundingClientRect().top ?? 0;
    const next = rangeOf(
      (row) => heights.current.get(row) ?? estimateHeightPx,
      count,
      -topPx,
      window.innerHeight - topPx,
      overscan,
    );
    setRange((before) =>
      before.first === next.first &&
      before.last === next.last &&
      before.beforePx === next.beforePx &&
      before.afterPx === next.afterPx
        ? before
        : next,
    );
  }, [count, estimateHeightPx, overscan]);

  useLayoutEffect(update, [update]);
  useEffect(() => {
    let frame = 0;
    const onMove = () => {
      cancelAnimationFrame(frame);
      frame = requestAnimationFrame(update);
    };
    const onResize = () => {
      heights.current.clear();
      onMove();
    };
    window.addEventListener("scroll", onMove, { passive: true });
    window.addEventListener("resize", onResize);
    return () => {
      cancelAnimationFrame(frame);
      window.removeEventListener("scroll", onMove);
      window.removeEventListener("resize", onResize);
    };
  }, [update]);

  // One callback a row for good: a fresh one would be called, and would measure, on every drawing.
  const measures = useRef(new Map<number, (element: HTMLElement | null) => void>());
  const measure = useCallback((row: number) => {
    const known = measures.current.get(row);
    if (known !== undefined) return known;
    const measureRow = (element: HTMLElement | null) => {
      const heightPx = element?.getBoundingClientRect().height ?? 0;
      if (heightPx > 0) heights.current.set(row, heightPx);
    };
    measures.current.set(row, measureRow);
    return measureRow;
  }, []);
  return { listRef, range, measure };
}
