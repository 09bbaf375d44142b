/** A timer that counts only while nobody holds it: time during which the browser was frozen is nobody's fault. */
export interface PausableTimer {
  hold(): void;
  unhold(): void;
  cancel(): void;
}

/** Starts held `holds` times; runs once each hold was taken back. */
export function startTimer(ms: number, onEnd: () => void, monoMs: () => number, holds = 0): PausableTimer {
  let remainingMs = ms;
  let startedAtMs = 0;
  let timer: NodeJS.Timeout | undefined;
  let isOver = false;
  const start = () => {
    if (isOver || holds > 0) return;
    startedAtMs = monoMs();
    timer = setTimeout(() => {
      isOver = true;
      onEnd();
    }, remainingMs);
  };
  start();
  return {
    hold() {
      holds += 1;
      if (holds > 1 || isOver) return;
      clearTimeout(timer);
      remainingMs = Math.max(0, remainingMs - (monoMs() - startedAtMs));
    },
    unhold() {
      holds -= 1;
      if (holds === 0) start();
    },
    cancel() {
      clearTimeout(timer);
      isOver = true;
    },
  };
}
