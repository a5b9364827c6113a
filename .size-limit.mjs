// Budgets for the sizes of packages, a few percent above the sizes today. A change that needs more raises the limit here, so that a review
// sees it.

/**
 * The gzipped size of a bundle of a package for Node, with its dependencies and without its framework.
 *
 * @param {string} name
 * @param {string} limit
 * @param {string[]} ignore
 */
const bundle = (name, limit, ...ignore) => ({
  ...{ name: `@podrain/${name}, bundled`, path: `packages/${name}/dist/index.js`, limit, ignore, gzip: true },
  modifyEsbuildConfig: (/** @type {object} */ config) => ({ ...config, platform: 'node' }),
})

/**
 * The sum of the sizes of a package's own files, each gzipped.
 *
 * @param {string} name
 * @param {string} limit
 */
const files = (name, limit) => ({
  ...{ name: `${name}, its files`, path: `packages/${name.replace('@podrain/', '')}/{bin,dist}/**`, limit },
  ...{ gzip: true, disablePlugins: ['@size-limit/esbuild'] },
})

export default [
  bundle('core', '50 kB'),
  bundle('fastify', '51 kB', 'fastify'),
  bundle('express', '50 kB', 'express'),
  bundle('koa', '50 kB', 'koa'),
  bundle('nestjs', '51 kB', '@nestjs/common', '@nestjs/core'),
  bundle('auto', '51 kB'),
  bundle('metrics', '2.2 kB', '@podrain/core', '@opentelemetry/api'),
  bundle('kubernetes', '13 kB', '@podrain/core', '@kubernetes/client-node'),
  files('podrain', '45 kB'),
  files('@podrain/contract', '68 kB'),
  files('@podrain/rehearsal', '240 kB'),
  files('@podrain/manifests', '335 kB'),
]
