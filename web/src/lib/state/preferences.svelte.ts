export type Theme = 'system' | 'light' | 'dark';

const KEY = 'madang.theme';

function stored(): Theme {
  const theme = localStorage.getItem(KEY);
  return theme === 'light' || theme === 'dark' ? theme : 'system';
}

/** What somebody chose for this browser. `early.js` applies the theme before the first paint. */
class Preferences {
  theme = $state<Theme>(stored());

  chooseTheme(theme: Theme): void {
    this.theme = theme;
    if (theme === 'system') {
      localStorage.removeItem(KEY);
      delete document.documentElement.dataset['theme'];
    } else {
      localStorage.setItem(KEY, theme);
      document.documentElement.dataset['theme'] = theme;
    }
  }
}

export const preferences = new Preferences();
