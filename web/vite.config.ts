import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import type { Plugin } from 'vite';
import { defineConfig } from 'vitest/config';

const server = process.env['MADANG_SERVER'] ?? 'http://127.0.0.1:8080';

/** Pretendard's style sheet swaps faces when they arrive, which moves text under the reader's eyes; see letters.ts. */
function calmFonts(): Plugin {
  return {
    name: 'calm-fonts',
    enforce: 'pre',
    transform(code, id) {
      if (!id.includes('pretendard')) return null;
      const display = id.endsWith('?first') ? 'optional' : 'fallback';
      return code.replaceAll('font-display: swap', `font-display: ${display}`);
    },
  };
}

/**
 * Of `marked` only the lexer is used, but its last statements make a whole parser, which no bundler may leave out. What
 * stands before them is whole without them.
 */
function onlyTheLexer(): Plugin {
  return {
    name: 'only-the-lexer',
    enforce: 'pre',
    transform(code, id) {
      if (!id.endsWith('/marked.esm.js')) return null;
      const end = code.search(/var \w+=new \w+;function \w+\(\w+,\w+\)\{return/);
      const lexer = /(\w+) as Lexer/.exec(code)?.[1];
      if (end === -1 || lexer === undefined) throw new Error('this version of marked is made otherwise: look again');
      return { code: `${code.slice(0, end)}export{${lexer} as Lexer};`, map: null };
    },
  };
}

/** Writes `sw.js` with the names of this build's files, whose hash is the build's number. Letters are kept when they are used. */
function worker(): Plugin {
  return {
    name: 'worker',
    apply: 'build',
    enforce: 'post',
    generateBundle(_, bundle) {
      const built = Object.keys(bundle).filter((name) => /\.(js|css)$/.test(name) && !/developers|\/(first|known)-/.test(name));
      const files = [...built, ...PUBLIC].map((name) => `/${name}`).sort();
      const source = readFileSync(new URL('src/worker/sw.js', import.meta.url), 'utf8')
        .replace("'__FILES__'", () => files.map((name) => `'${name}'`).join(', '))
        .replace('__BUILD__', () => createHash('sha256').update(files.join()).digest('hex').slice(0, 16));
      this.emitFile({ type: 'asset', fileName: 'sw.js', source });
    },
  };
}

/** Files without a hash that the page's first moment needs. */
const PUBLIC = ['early.js', 'favicon.svg', 'favicon-unread.svg', 'icon-192.png', 'manifest.webmanifest'];

/** What the page can do nothing without; what is loaded later has names of its own. */
const FIRST =
  /node_modules\/svelte\/|src\/(router|lib\/(api|i18n)\/|lib\/(attention|order|mentions|graphemes|drafts|ulid|search|reading|form)|lib\/timeline\/(window|rows|scroll|calls|keys)|components\/parts\/Icon|lib\/state\/(?!bell|keeping))/;

export default defineConfig({
  plugins: [calmFonts(), onlyTheLexer(), worker(), svelte()],
  build: {
    target: 'es2022',
    // The policy of the served page allows neither inline scripts nor data: addresses.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: true,
    // The page that people chat in, and the one on which developers try the API.
    rollupOptions: {
      input: ['index.html', 'developers.html'],
      // What everybody loads first is packed better in one piece than in many.
      output: { codeSplitting: { groups: [{ name: 'base', test: FIRST }] } },
    },
  },
  server: {
    proxy: {
      '/api': { target: server },
      '/gateway': { target: server, ws: true },
    },
  },
  test: { include: ['test/**/*.test.ts'], environment: 'node' },
});
