import { mount } from 'svelte';
import App from './App.svelte';
import { loadLetters } from './letters/letters';
import { session } from './lib/state/session.svelte';
import { router } from './router.svelte';
import './styles/tokens.css';
import './styles/reset.css';
import './styles/base.css';

router.start();
void session.start(loadLetters());

const target = document.getElementById('app');
if (target !== null) mount(App, { target });
