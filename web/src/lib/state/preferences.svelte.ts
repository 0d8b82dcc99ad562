const THEMES = ['system', 'light', 'dark'] as const;
const CONTRASTS = ['system', 'more'] as const;
const DENSITIES = ['comfortable', 'compact'] as const;
const ENTERS = ['send', 'line'] as const;
const SWITCH = ['off', 'on'] as const;

export type Theme = (typeof THEMES)[number];
export type Contrast = (typeof CONTRASTS)[number];
export type Density = (typeof DENSITIES)[number];
export type Enter = (typeof ENTERS)[number];

/** One choice that this browser keeps. The first of its values holds until somebody chooses. */
class Choice<T extends string> {
  value: T = $state() as T;

  /** `isShown`: it is an attribute of the document, by which the styles go; `early.js` sets it before the first paint. */
  constructor(
    readonly name: string,
    private readonly values: readonly [T, ...T[]],
    private readonly isShown = false,
  ) {
    this.value = this.stored();
  }

  choose(value: T): void {
    if (value === this.values[0]) localStorage.removeItem(this.key);
    else localStorage.setItem(this.key, value);
    this.take();
  }

  /** Another tab of the same browser may have chosen. */
  take(): void {
    this.value = this.stored();
    if (!this.isShown) return;
    if (this.value === this.values[0]) document.documentElement.removeAttribute(`data-${this.name}`);
    else document.documentElement.setAttribute(`data-${this.name}`, this.value);
  }

  get key(): string {
    return `madang.${this.name}`;
  }

  private stored(): T {
    const kept = localStorage.getItem(this.key);
    return this.values.find((value) => value === kept) ?? this.values[0];
  }
}

/** What somebody chose for this browser. */
class Preferences {
  readonly themes = new Choice<Theme>('theme', THEMES, true);
  readonly contrast = new Choice<Contrast>('contrast', CONTRASTS, true);
  readonly density = new Choice<Density>('density', DENSITIES, true);
  /** What Enter does in a text; with Shift it does the other. */
  readonly enter = new Choice<Enter>('enter', ENTERS);
  /** Whether the desktop tells of what calls the reader. */
  readonly notify = new Choice<'off' | 'on'>('notify', SWITCH);
  /** Whether it does so with a sound. */
  readonly sound = new Choice<'on' | 'off'>('sound', ['on', 'off']);

  constructor() {
    globalThis.addEventListener?.('storage', ({ key }) => {
      for (const choice of [this.themes, this.contrast, this.density, this.enter, this.notify, this.sound]) {
        if (choice.key === key) choice.take();
      }
    });
  }

  get theme(): Theme {
    return this.themes.value;
  }

  chooseTheme(theme: Theme): void {
    this.themes.choose(theme);
  }
}

export const preferences = new Preferences();
