/**
 * Letters of our own, without ever moving a text that is being read.
 *
 * On the first visit the page stays with the system's letters: ours load behind it, with `font-display: optional`, and
 * the browser keeps them. From the second visit on they come out of its cache before the first text shows.
 */
const KEY = 'madang.letters';

export function loadLetters(): Promise<unknown> {
  if (localStorage.getItem(KEY) !== null) return import('./known').catch(() => undefined);
  addEventListener('load', () => {
    setTimeout(() => {
      import('./first').then(
        () => {
          localStorage.setItem(KEY, '1');
        },
        () => undefined,
      );
    }, 1_000);
  });
  return Promise.resolve();
}
