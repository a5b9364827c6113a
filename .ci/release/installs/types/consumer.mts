import '@podrain/auto'
import { createServer } from 'node:http'
import { Drain, type DrainReport, drainServer } from '@podrain/core'
import { drain as expressDrain } from '@podrain/express'
import { gracefulShutdown } from '@podrain/fastify'
import { drain as koaDrain } from '@podrain/koa'
import { kubernetes } from '@podrain/kubernetes'
import { type Finding, lint } from '@podrain/manifests'
import { otelMetrics, promMetrics } from '@podrain/metrics'
import { PodrainModule } from '@podrain/nestjs'
import { type RehearsalOptions, rehearse } from '@podrain/rehearsal'
import express from 'express'
import { fastify } from 'fastify'
import Koa from 'koa'
import promClient from 'prom-client'

const drain: Drain = drainServer(createServer())
drain.onClose(async () => {})
const report: Promise<DrainReport> = drain.start()
void report.then(({ clean }: { clean: boolean }) => clean)

const middleware = expressDrain({ behind: 'aws-alb' })
express().use(middleware)
middleware.drain.onClose(() => {})
new Koa().use(koaDrain())
const app = fastify()
void app.register(gracefulShutdown, { drain: new Drain() })
app.drain.onDrain(() => {})

kubernetes(drain).stop()
promMetrics(drain, promClient)
otelMetrics(drain, undefined as never)
PodrainModule.forRoot({ signals: false })
const findings: readonly Finding[] = lint([]).findings
const options: RehearsalOptions = { command: 'node', args: ['server.js'] }
void rehearse(options).then(({ summary }) => summary.lost === findings.length)

// @ts-expect-error: there is no such option
expressDrain({ behnid: 'aws-alb' })
// @ts-expect-error: there is no such option
void app.register(gracefulShutdown, { settel: {} })
