import { type DrainingNest, type Library, limit } from './library.js'

const drainsNest: DrainingNest = async (terms) => {
  const { GracefulShutdownModule, setupGracefulShutdown } = await import('nestjs-graceful-shutdown')
  const options = { gracefulShutdownTimeout: limit(terms), keepNodeProcessAlive: true }
  return {
    imports: [GracefulShutdownModule.forRoot(options)],
    setUp: (app) => setupGracefulShutdown({ app }),
  }
}

export const nestjsGracefulShutdown: Library = {
  name: 'nestjs-graceful-shutdown',
  packages: ['nestjs-graceful-shutdown', 'http-terminator', '@nestjs/core'],
  wired:
    '`GracefulShutdownModule.forRoot({ gracefulShutdownTimeout, keepNodeProcessAlive: true })`, the time being the grace ' +
    'period, and `setupGracefulShutdown({ app })` before `app.listen()`. The process ends when its server has closed: ' +
    'otherwise NestJS raises SIGTERM again, which is no exit with 0. It offers no wait for load balancers.',
  drainsNest,
}
