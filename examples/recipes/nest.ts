import 'reflect-metadata'
import { Controller, Get, Module, type OnApplicationShutdown, Param } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { drainServer } from '@podrain/core'

const prices = process.env.UPSTREAM_URL ?? 'http://prices'

@Controller('prices')
class Prices implements OnApplicationShutdown {
  @Get(':sku')
  async price(@Param('sku') sku: string): Promise<unknown> {
    const answer = await fetch(`${prices}/${sku}`)
    return answer.json()
  }

  onApplicationShutdown(): void {
    console.log('own hook')
  }
}

@Module({ controllers: [Prices] })
class AppModule {}

const app = await NestFactory.create(AppModule)
const drain = drainServer(app.getHttpServer())
// Replaces app.enableShutdownHooks(). The hook runs after the last request, has a timeout, and is in the report.
drain.onClose(() => app.close(), { name: 'nest', timeout: 5000 })

await app.listen(Number(process.env.PORT ?? 8080), process.env.HOST ?? '0.0.0.0')
console.log('listening', app.getHttpServer().address())
