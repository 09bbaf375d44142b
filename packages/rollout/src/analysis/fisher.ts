/** How many of `n` went bad. */
export interface Count {
  bad: number;
  n: number;
}

/**
 * Fisher's exact test, one-sided: the probability that, of all who went bad, the canary holds as many as it does or more,
 * when who ran where made no difference. Summed in full, without factorials: weights relative to the likeliest table.
 */
export function fisherOneSided(canary: Count, control: Count): number {
  const bad = canary.bad + control.bad;
  const least = Math.max(0, bad - control.n);
  const most = Math.min(bad, canary.n);
  if (canary.bad <= least) return 1;
  const start = likeliest(canary, control, least, most);
  let tail = start >= canary.bad ? 1 : 0;
  let rest = 1 - tail;
  const add = (value: number, weight: number): void => {
    if (value >= canary.bad) tail += weight;
    else rest += weight;
  };
  for (let value = start, weight = 1; value < most && weight > 0; value++) {
    weight *= ratio(canary, control, value);
    add(value + 1, weight);
  }
  for (let value = start, weight = 1; value > least && weight > 0; value--) {
    weight /= ratio(canary, control, value - 1);
    add(value - 1, weight);
  }
  return tail / (tail + rest);
}

/** P(the canary holds `value` + 1) ÷ P(it holds `value`). */
function ratio(canary: Count, control: Count, value: number): number {
  const bad = canary.bad + control.bad;
  return ((bad - value) * (canary.n - value)) / ((value + 1) * (control.n - bad + value + 1));
}

function likeliest(canary: Count, control: Count, least: number, most: number): number {
  const bad = canary.bad + control.bad;
  const mode = Math.floor(((bad + 1) * (canary.n + 1)) / (canary.n + control.n + 2));
  return Math.min(most, Math.max(least, mode));
}
