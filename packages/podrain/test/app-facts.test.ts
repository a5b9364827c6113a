import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { dependsOnMiddleware, frameworkOf } from '../src/app-facts.js'
import { guess } from '../src/guess.js'
import { directory, fixture } from './support.js'

/** A directory with these files. */
async function appOf(files: Readonly<Record<string, string>>): Promise<string> {
  const cwd = await directory()
  for (const [name, text] of Object.entries(files)) {
    await mkdir(join(cwd, dirname(name)), { recursive: true })
    await writeFile(join(cwd, name), text)
  }
  return cwd
}

const packageOf = (...dependencies: string[]) =>
  JSON.stringify({ dependencies: Object.fromEntries(dependencies.map((name) => [name, '*'])) })

describe('what an app is written with is told', () => {
  test.each([
    ['express', "import express from 'express'"],
    ['koa', "const Koa = require('koa')"],
    ['fastify', "import fastify from 'fastify'\nimport express from 'express'"],
    ['nestjs', 'import { NestFactory } from "@nestjs/core"\nimport "express"'],
    ['node', "import { createServer } from 'node:http'"],
    ['node', "import session from 'express-session' // and no 'express' itself"],
  ])('by what its script imports: %s', async (framework, text) => {
    const cwd = await appOf({ 'server.js': text })
    expect(frameworkOf('node', ['--enable-source-maps', 'server.js', '--port', '80'], cwd)).toBe(framework)
  })

  test.each([
    ['nestjs', ['@nestjs/core', '@nestjs/platform-express', 'express']],
    ['fastify', ['fastify', 'pg']],
    // Nobody knows which of the two serves.
    ['node', ['express', 'koa']],
    ['node', ['pg']],
  ])('by the dependencies of its package, where the script says nothing: %s', async (framework, dependencies) => {
    const cwd = await appOf({ 'package.json': packageOf(...dependencies), 'dist/main.js': "require('./app.js')" })
    expect(frameworkOf('/usr/bin/node', ['dist/main.js'], cwd)).toBe(framework)
    expect(frameworkOf('npm', ['start'], cwd)).toBe(framework)
  })

  test('by the package of the script, and not by that of the directory it is started in', async () => {
    const cwd = await appOf({
      'package.json': packageOf('express'),
      'apps/web/package.json': packageOf('fastify'),
      'apps/web/main.js': '',
    })
    expect(frameworkOf('node', ['apps/web/main.js'], cwd)).toBe('fastify')
  })

  test.each([
    [true, ['express', '@podrain/express']],
    [false, ['express', '@podrain/koa']],
    [false, ['fastify', '@podrain/fastify']],
    [false, ['express']],
  ])('with podrain’s middleware for its framework among its dependencies: %s', async (depends, dependencies) => {
    const cwd = await appOf({ 'package.json': packageOf(...dependencies), 'main.js': '' })
    expect(dependsOnMiddleware('node', ['main.js'], cwd)).toBe(depends)
  })

  test('as a Node app of no framework, where its package.json cannot be read', async () => {
    const cwd = await appOf({ 'package.json': '{', 'main.js': '' })
    expect(frameworkOf('node', ['main.js'], cwd)).toBe('node')
  })

  test.each([
    ['tini', ['--', 'node', 'server.js']],
    ['sh', ['-c', 'exec node server.js']],
    ['sh', ['-c', 'npm run migrate && npm start']],
  ])('behind what starts it: %s %j', async (command, args) => {
    const cwd = await appOf({ 'package.json': packageOf('koa'), 'server.js': '' })
    expect(frameworkOf(command, args, cwd)).toBe('koa')
  })

  test('where its directory is a file, which is for others to refuse', async () => {
    const cwd = await appOf({ 'main.js': '' })
    expect(frameworkOf('node', ['main.js'], join(cwd, 'main.js'))).toBe('node')
  })

  test('only for programs that run Node apps', async () => {
    const cwd = await appOf({ 'package.json': packageOf('express') })
    for (const command of ['python3', './server', 'sh']) expect(frameworkOf(command, [], cwd)).toBeNull()
  })
})

describe('podrain is found in an app', () => {
  const guessed = async (name: string) => {
    const command = { command: process.execPath, args: [fixture(name)] }
    return (await guess({ ...command, requests: { get: '/' } })).options
  }

  test('by its responses, so that the advice does not say to add it', async () => {
    expect((await guessed('everywhere.mjs')).app).toEqual({ framework: 'node', podrain: true })
  })

  test('not in an app that only has the same paths', async () => {
    const { app, preStop } = await guessed('app.mjs')
    expect(app).toEqual({ framework: 'node', podrain: false })
    expect(preStop).toBeUndefined()
  })
})
