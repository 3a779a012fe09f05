import { defineConfig } from "vite";
import { devPlaceholders, precompress, preloadFonts, themeBoot } from "./tools/plugins.ts";

// WINESTORE_URL points `npm run dev` at a running store; the built bundle is served by the store itself.
const store = process.env.WINESTORE_URL ?? "http://127.0.0.1:8080";

export default defineConfig({
  plugins: [themeBoot(), preloadFonts(), devPlaceholders(), precompress()],
  esbuild: { jsx: "automatic", jsxImportSource: "preact" },
  build: {
    target: "es2020",
    // No data: addresses: the content security policy allows none.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    sourcemap: false,
    reportCompressedSize: true,
  },
  server: {
    proxy: {
      "/api": { target: store, changeOrigin: false },
      "/media": { target: store, changeOrigin: false },
    },
  },
});
