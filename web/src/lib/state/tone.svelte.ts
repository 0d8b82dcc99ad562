import { TONES, withTone } from '../tone';

const KEY = 'madang.tone';

/** The skin tone that somebody chose for this browser. */
class Tone {
  value = $state(TONES.find((tone) => tone === localStorage.getItem(KEY)) ?? '');

  choose(tone: string): void {
    this.value = TONES.find((one) => one === tone) ?? '';
    localStorage.setItem(KEY, this.value);
  }
}

export const tone = new Tone();

/** An emoji in the tone that was chosen. */
export const toned = (emoji: string): string => withTone(emoji, tone.value);
