/** The mark of `favicon.svg`, with its gate open for the number. */
const MARK = new Path2D(
  'M9 3h14a6 6 0 0 1 6 6v14a6 6 0 0 1-6 6H14v-5h9a1 1 0 0 0 1-1V9a1 1 0 0 0-1-1H9a1 1 0 0 0-1 1v20a5 5 0 0 1-5-5V9a6 6 0 0 1 6-6z',
);
const SIZE = 64;

/** The page's sign for its tab when something calls the reader: the mark with the number of it. */
export function numbered(calls: number): string | undefined {
  const canvas = document.createElement('canvas');
  canvas.width = SIZE;
  canvas.height = SIZE;
  const pen = canvas.getContext('2d');
  if (pen === null) return undefined;
  const isDark = matchMedia('(prefers-color-scheme: dark)').matches;
  pen.scale(SIZE / 32, SIZE / 32);
  pen.fillStyle = isDark ? '#8cb1f4' : '#315aa9';
  pen.fill(MARK, 'evenodd');
  const text = calls > 99 ? '99' : String(calls);
  const width = text.length > 1 ? 24 : 19;
  pen.beginPath();
  pen.roundRect(32 - width, 13, width, 19, 9.5);
  pen.fillStyle = isDark ? '#f49752' : '#b4501e';
  pen.fill();
  pen.fillStyle = isDark ? '#12151a' : '#ffffff';
  pen.font = '700 16px system-ui, sans-serif';
  pen.textAlign = 'center';
  pen.textBaseline = 'middle';
  pen.fillText(text, 32 - width / 2, 23);
  return canvas.toDataURL('image/png');
}
