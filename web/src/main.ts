import { mount } from 'svelte';
import App from './App.svelte';
import { session } from './lib/state/session.svelte';
import { router } from './router.svelte';
import './styles/tokens.css';
import './styles/reset.css';
import './styles/base.css';

router.start();
void session.start();

const target = document.getElementById('app');
if (target !== null) mount(App, { target });

// Letters of our own come after the first paint: nobody waits for them, and nothing moves when they are late.
requestAnimationFrame(() => {
  setTimeout(() => void import('./fonts'), 0);
});
