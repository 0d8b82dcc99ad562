import type { Locator } from '@playwright/test';

const at = (sorted: number[], share: number) => Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0);

/** Says how long something took, and answers it. */
export function tell(what: string, times: number[]) {
  const sorted = times.toSorted((a, b) => a - b);
  console.log(`${what}: median ${at(sorted, 0.5)} ms, 95 % ${at(sorted, 0.95)} ms, most ${at(sorted, 1)} ms, ${times.length} in all`);
  return { median: at(sorted, 0.5), most: at(sorted, 1), late: at(sorted, 0.95) };
}

/** How long each frame takes while something is scrolled down. */
export const framesWhile = (scroller: Locator, steps: number, px: number): Promise<number[]> =>
  scroller.evaluate(
    async (node, [count, by]) => {
      const frames: number[] = [];
      let before = await new Promise<number>(requestAnimationFrame);
      for (let step = 0; step < count; step += 1) {
        node.scrollTop += by;
        const now = await new Promise<number>(requestAnimationFrame);
        frames.push(now - before);
        before = now;
      }
      return frames;
    },
    [steps, px] as const,
  );
