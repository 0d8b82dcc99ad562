import js from '@eslint/js';
import svelte from 'eslint-plugin-svelte';
import globals from 'globals';
import ts from 'typescript-eslint';
import svelteConfig from './svelte.config.js';

export default ts.config(
  { ignores: ['dist', 'node_modules', 'target'] },
  js.configs.recommended,
  ...ts.configs.strict,
  ...ts.configs.stylistic,
  ...svelte.configs.recommended,
  {
    languageOptions: { globals: { ...globals.browser, ...globals.node } },
    rules: {
      // Messages are never turned into HTML: there is then nothing to inject into.
      'svelte/no-at-html-tags': 'error',
      // The compiler's warnings are mostly about accessibility.
      'svelte/valid-compile': 'error',
      // That rule is about SvelteKit's router; this page has its own.
      'svelte/no-navigation-without-resolve': 'off',
      // What nothing renders is plain on purpose: a timer, a set of requests under way.
      'svelte/prefer-svelte-reactivity': 'off',
      'no-console': 'error',
      eqeqeq: 'error',
    },
  },
  {
    files: ['**/*.svelte', '**/*.svelte.ts'],
    languageOptions: { parserOptions: { parser: ts.parser, svelteConfig } },
  },
  { files: ['src/worker/**'], languageOptions: { globals: globals.serviceworker } },
  { files: ['public/**', 'dev/**'], rules: { 'no-console': 'off', 'no-var': 'off' } },
);
