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

export default defineConfig({
  plugins: [calmFonts(), svelte()],
  build: {
    target: 'es2022',
    // The policy of the served page allows neither inline scripts nor data: addresses.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: true,
    // The page that people chat in, and the one on which developers try the API.
    rollupOptions: { input: ['index.html', 'developers.html'] },
  },
  server: {
    proxy: {
      '/api': { target: server },
      '/gateway': { target: server, ws: true },
    },
  },
  test: { include: ['test/**/*.test.ts'], environment: 'node' },
});
