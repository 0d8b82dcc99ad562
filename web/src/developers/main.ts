import { mount } from 'svelte';
import Developers from './Developers.svelte';
import '../styles/tokens.css';
import '../styles/reset.css';
import '../styles/base.css';

const target = document.getElementById('app');
if (target !== null) mount(Developers, { target });
