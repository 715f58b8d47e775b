// The portal's pages: one script and one style sheet, named by what they hold, and the page that names them.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const here = fileURLToPath(new URL('.', import.meta.url));

/** Builds the pages into a folder, which is made empty first. */
export async function buildPages(folder) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const { metafile } = await build({
    absWorkingDir: here,
    entryPoints: ['main.tsx'],
    outdir: folder,
    entryNames: 'assets/[name]-[hash]',
    bundle: true,
    format: 'esm',
    // The oldest browsers that have everything the pages use, `light-dark()` among it.
    target: ['chrome123', 'firefox120', 'safari17.5'],
    jsx: 'automatic',
    jsxImportSource: 'preact',
    minify: true,
    sourcemap: false,
    legalComments: 'none',
    metafile: true,
    logLevel: 'warning',
  });
  const named = (extension) => {
    const found = Object.keys(metafile.outputs).filter((path) => path.endsWith(extension));
    if (found.length !== 1) throw new Error(`the pages have ${found.length} files *${extension}`);
    return `assets/${basename(found[0])}`;
  };
  const page = readFileSync(join(here, 'index.html'), 'utf8')
    .replace('%STYLE%', named('.css'))
    .replace('%SCRIPT%', named('.js'));
  writeFileSync(join(folder, 'index.html'), page);
}
