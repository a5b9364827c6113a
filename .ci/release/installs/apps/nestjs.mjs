import 'reflect-metadata'
import { Controller, Get, Module } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { PodrainModule } from '@podrain/nestjs'
import { held, listening } from './held.mjs'

// Decorators, called as functions, because decorator syntax needs a compiler.
class Answers {
  held() {
    return held()
  }
}
Controller()(Answers)
Get('/held')(Answers.prototype, 'held', Object.getOwnPropertyDescriptor(Answers.prototype, 'held'))

class App {}
Module({ imports: [PodrainModule.forRoot()], controllers: [Answers] })(App)

const app = await NestFactory.create(App, { logger: ['error', 'warn'] })
PodrainModule.attach(app)
await app.listen(0, '127.0.0.1')
listening(app.getHttpServer().address())
