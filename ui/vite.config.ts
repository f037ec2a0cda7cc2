import { defineConfig } from 'vitest/config';
import { compress } from './scripts/compress.ts';

const server = process.env.PYROMETER_URL ?? 'http://127.0.0.1:9095';

export default defineConfig({
  plugins: [compress()],
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    target: 'es2022',
    modulePreload: { polyfill: false },
    // No inlined files: the page must work under `default-src 'self'`.
    assetsInlineLimit: 0,
    reportCompressedSize: false,
  },
  server: { proxy: { '/api': server, '/version': server, '/-/': server } },
  test: {
    environment: 'happy-dom',
    include: ['src/**/*.test.{ts,tsx}', 'tests/**/*.test.{ts,tsx}'],
  },
});
