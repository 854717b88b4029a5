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

const modelsFolder = fileURLToPath(new URL('../inference/models', import.meta.url));

/** As model.json of the bundled models says it; see inference/models. */
interface BundledModel {
  file: string;
}

/**
 * `virtual:browser-models`: the bundled models that a publisher's page can run itself, with the addresses of their
 * files, which become assets of ours, and of a gallery beside it. One that is not in the repository is left out.
 */
function browserModels(): Plugin {
  const id = 'virtual:browser-models';
  return {
    name: 'framelock-browser-models',
    resolveId: (source) => (source === id ? `\0${id}` : undefined),
    load(resolved) {
      if (resolved !== `\0${id}`) return undefined;
      const imports: string[] = [];
      const entries: string[] = [];
      for (const folder of ['brands', 'marker']) {
        const description = `${modelsFolder}/${folder}/model.json`;
        if (!existsSync(description)) continue;
        this.addWatchFile(description);
        const model = JSON.parse(readFileSync(description, 'utf8')) as BundledModel;
        const file = `${modelsFolder}/${folder}/${model.file}`;
        if (!existsSync(file)) continue;
        const n = entries.length;
        imports.push(`import url${n} from ${JSON.stringify(`${file}?url`)};`);
        const gallery = `${modelsFolder}/${folder}/gallery.json`;
        const hasGallery = existsSync(gallery);
        if (hasGallery) imports.push(`import galleryUrl${n} from ${JSON.stringify(`${gallery}?url`)};`);
        const galleryUrl = hasGallery ? `galleryUrl: galleryUrl${n}, ` : '';
        entries.push(`{ url: url${n}, ${galleryUrl}description: ${JSON.stringify(model)} }`);
      }
      return `${imports.join('\n')}\nexport default [${entries.join(', ')}];`;
    },
  };
}

// As the server sends them: WebAssembly has threads only where the page is isolated.
const isolation = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

export default defineConfig({
  plugins: [vue(), markers(), browserModels()],
  // Workers that import on demand.
  worker: { format: 'es' },
  build: { outDir: 'dist', emptyOutDir: true, target: 'es2022', chunkSizeWarningLimit: 700 },
  server: {
    port: 5173,
    headers: isolation,
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
