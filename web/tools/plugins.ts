import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { extname, join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { build, type Plugin } from "vite";

const COMPRESSIBLE = new Set([".js", ".css", ".html", ".svg", ".json", ".txt", ".webmanifest"]);
const SMALLEST_WORTH_IT = 512;

async function* filesUnder(folder: string): AsyncGenerator<string> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* filesUnder(path);
    else yield path;
  }
}

/**
 * Leaves a `.br` and a `.gz` beside each text asset, so that the server never compresses.
 * `index.html` is a template which the server fills in: it is compressed per answer, not here.
 */
export function precompress(): Plugin {
  let outDir = "dist";
  return {
    name: "precompress",
    apply: "build",
    configResolved(config) {
      outDir = join(config.root, config.build.outDir);
    },
    async closeBundle() {
      for await (const path of filesUnder(outDir)) {
        if (!COMPRESSIBLE.has(extname(path)) || path === join(outDir, "index.html")) continue;
        if ((await stat(path)).size < SMALLEST_WORTH_IT) continue;
        const bytes = await readFile(path);
        const brotli = brotliCompressSync(bytes, {
          params: {
            [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
            [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
          },
        });
        await writeFile(path + ".br", brotli);
        await writeFile(path + ".gz", gzipSync(bytes, { level: 9 }));
      }
    },
  };
}

/**
 * Puts `src/theme-boot.ts` in front of everything as a small blocking script of its own file: a stored
 * choice of theme must hold before the first paint, and the content security policy forbids inline code.
 */
export function themeBoot(): Plugin {
  const source = "src/theme-boot.ts";
  let serving = false;
  let fileName = "";
  return {
    name: "theme-boot",
    configResolved(config) {
      serving = config.command === "serve";
    },
    async buildStart() {
      if (serving) return;
      const result = await build({
        configFile: false,
        logLevel: "silent",
        build: {
          write: false,
          target: "es2020",
          lib: { entry: source, formats: ["iife"], name: "themeBoot", fileName: "theme-boot" },
        },
      });
      const output = (Array.isArray(result) ? result[0] : result) as {
        output: Array<{ type: string; code?: string }>;
      };
      const code = output.output[0]?.code ?? "";
      const hash = createHash("sha256").update(code).digest("hex").slice(0, 8);
      fileName = `assets/theme-boot-${hash}.js`;
      this.emitFile({ type: "asset", fileName, source: code });
    },
    transformIndexHtml() {
      if (serving) {
        // Vite compiles and serves the source as a module; the flash does not matter while developing.
        return [{ tag: "script", attrs: { type: "module", src: `/${source}` }, injectTo: "head" }];
      }
      return [{ tag: "script", attrs: { src: `/${fileName}` }, injectTo: "head" }];
    },
  };
}

const FIRST_FONTS = /\/(alegreya-latin-700|source-sans-3-latin-400)-normal-[^/]+\.woff2$/;

/** The two fonts every page begins with are asked for together with the styles, not after them. */
export function preloadFonts(): Plugin {
  return {
    name: "preload-fonts",
    apply: "build",
    transformIndexHtml: {
      order: "post",
      handler(_html, context) {
        return Object.keys(context.bundle ?? {})
          .filter((file) => FIRST_FONTS.test(`/${file}`))
          .map((file) => ({
            tag: "link",
            attrs: { rel: "preload", href: `/${file}`, as: "font", type: "font/woff2", crossorigin: true },
            injectTo: "head-prepend" as const,
          }));
      },
    },
  };
}

/**
 * While developing, the server's placeholders are filled as the gateway does for a page without data of its
 * own. The title's text is read from the catalogue of texts, so that it is written once.
 */
export function devPlaceholders(): Plugin {
  return {
    name: "dev-placeholders",
    apply: "serve",
    transformIndexHtml(html) {
      const texts = readFileSync("src/i18n/en.ts", "utf8");
      const title = /shopName:\s*"([^"]+)"/.exec(texts)?.[1] ?? "";
      return html.replace("<!--ws:head-->", `<title>${title}</title>`);
    },
  };
}
