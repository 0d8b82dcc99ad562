const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

type Random = (bytes: Uint8Array<ArrayBuffer>) => Uint8Array<ArrayBuffer>;
const systemRandom: Random = (bytes) => crypto.getRandomValues(bytes);

/** A ULID: 48 bits of time, 80 of chance, as 26 characters. */
export function ulid(now: number = Date.now(), random: Random = systemRandom): string {
  let time = '';
  let rest = now;
  for (let at = 0; at < 10; at += 1) {
    time = (ALPHABET[rest % 32] ?? '0') + time;
    rest = Math.floor(rest / 32);
  }
  // A byte's low five bits are as random as the byte.
  const chance = Array.from(random(new Uint8Array(16)), (byte) => ALPHABET[byte & 31]).join('');
  return time + chance;
}

/** When a ULID was made, in milliseconds. */
export function ulidTime(id: string): number {
  return Array.from(id.slice(0, 10)).reduce((time, letter) => time * 32 + ALPHABET.indexOf(letter), 0);
}
