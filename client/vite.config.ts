import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import vue from '@vitejs/plugin-vue';
import { defineConfig, type Plugin } from 'vite';

const markersFile = fileURLToPath(new URL('../inference/models/marker/markers.json', import.meta.url));
const api = 'http://127.0.0.1:8080';

/**
 * `virtual:markers`: the bundled marker detector's markers as data. They belong to `inference`, which the client may
 * not import (the import star), so they are copied at build time; null where the file is not there.
 */
function markers(): Plugin {
  const id = 'virtual:markers';
  return {
    name: 'framelock-markers',
    resolveId: (source) => (source === id ? `\0${id}` : undefined),
    load(resolved) {
      if (resolved !== `\0${id}`) return undefined;
      this.addWatchFile(markersFile);
      return `export default ${existsSync(markersFile) ? readFileSync(markersFile, 'utf8') : 'null'}`;
    },
  };
}

export default defineConfig({
  plugins: [vue(), markers()],
  build: { outDir: 'dist', emptyOutDir: true, target: 'es2022', chunkSizeWarningLimit: 700 },
  server: {
    port: 5173,
    proxy: {
      '/api': api,
      '/whip': api,
      '/whep': api,
      '/hls': api,
      '/healthz': api,
      '/readyz': api,
      '/metrics': api,
      '/ws': { target: api, ws: true },
    },
  },
});
