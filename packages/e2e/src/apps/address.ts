import { networkInterfaces } from 'node:os'

const families = Object.values(networkInterfaces()).flatMap((each) => each?.map(({ family }) => family) ?? [])

export const port: number = Number(process.env.PORT ?? 8080)

/** The address to listen on: all addresses of the pod, of both families if it has both. */
export const host: string = process.env.HOST ?? (families.includes('IPv6') ? '::' : '0.0.0.0')
