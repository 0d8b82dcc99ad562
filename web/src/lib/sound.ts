/** Two soft notes, a fifth apart, like two beats on a gong far away: made here, so that there is no file to load. */
const NOTES = [
  { hertz: 523.25, at: 0 },
  { hertz: 783.99, at: 0.11 },
] as const;
const LOUDNESS = 0.12;
const FADE_S = 0.5;

let context: AudioContext | undefined;

export function chime(): void {
  context ??= new AudioContext();
  // Before somebody has clicked anything a browser keeps still; then there is nothing to hear.
  if (context.state === 'suspended') void context.resume().catch(() => undefined);
  for (const { hertz, at } of NOTES) note(context, hertz, context.currentTime + at);
}

function note(to: AudioContext, hertz: number, at: number): void {
  const tone = new OscillatorNode(to, { type: 'sine', frequency: hertz });
  const loudness = new GainNode(to, { gain: 0 });
  loudness.gain.setValueAtTime(0, at);
  loudness.gain.linearRampToValueAtTime(LOUDNESS, at + 0.012);
  loudness.gain.exponentialRampToValueAtTime(0.0001, at + FADE_S);
  tone.connect(loudness).connect(to.destination);
  tone.start(at);
  tone.stop(at + FADE_S);
}
