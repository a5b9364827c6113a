import 'reflect-metadata'
import { Readable } from 'node:stream'
import { All, Controller, Module, Req, Res } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { Drain, PodrainModule } from '@podrain/nestjs'
import type { Request, Response } from 'express'
import { answer, echo, follow, host, options, port } from './pod.js'

class Answers {
  async answer(request: Request, response: Response): Promise<void> {
    const { status, headers, body } = await answer(request)
    response.status(status).set(headers)
    if (body instanceof Readable) body.pipe(response)
    else response.send(body)
  }
}
// Decorators, called as functions. Decorator syntax would need a compiler option.
Controller()(Answers)
Req()(Answers.prototype, 'answer', 0)
Res()(Answers.prototype, 'answer', 1)
All('{*path}')(Answers.prototype, 'answer', { value: Answers.prototype.answer })

class App {}
Module({ imports: [PodrainModule.forRoot(options)], controllers: [Answers] })(App)

async function main(): Promise<void> {
  const app = await NestFactory.create(App, { bodyParser: false, logger: ['error', 'warn'] })
  PodrainModule.attach(app)
  follow(app.get(Drain))
  const server = app.getHttpServer()
  echo(server)
  await app.listen(port, host)
  console.log('listening', server.address())
}

void main()
