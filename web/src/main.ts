import { mount } from 'svelte';
import App from './App.svelte';
import { i18n } from './lib/i18n/i18n.svelte';
import { loadLetters } from './letters/letters';
import { session } from './lib/state/session.svelte';
import { router } from './router.svelte';
import './styles/tokens.css';
import './styles/reset.css';
import './styles/base.css';

router.start();
void session.start(loadLetters());

// Meanwhile the session asks the server who is here.
void i18n.load().then(() => {
  const target = document.getElementById('app');
  if (target !== null) mount(App, { target });
});
