import { connect } from 'node:net'
import { connectTo } from '../shared/connect.js'

/** The protocol of a server, by its first bytes in answer to an HTTP/1.1 request. */
export type Protocol = 'HTTP/1.1' | 'TLS' | 'HTTP/2 without TLS' | 'something else'

/** The record type “alert”, which TLS answers to anything but a handshake (RFC 8446 §5.1). */
const alert = 0x15
/** The type of a SETTINGS frame, with which each side of HTTP/2 begins (RFC 9113 §3.4 and §6.5). */
const settings = 0x04

/** Finds out the protocol of a server. Resolves with undefined when it sends nothing within `timeout` ms, or closes the connection first. */
export async function protocolOf(host: string, port: number, timeout: number): Promise<Protocol | undefined> {
  // A TLS server of Node sends no alert: it just closes the connection. So a TLS handshake is tried next.
  return (await firstWord(host, port, timeout)) ?? ((await shakesHands(host, port, timeout)) ? 'TLS' : undefined)
}

function shakesHands(host: string, port: number, timeout: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connectTo({ host, port, tls: true }, { protocols: ['h2', 'http/1.1'] }).setTimeout(timeout)
    socket
      .once('timeout', () => socket.destroy())
      .once('error', () => {})
      .once('close', () => resolve(false))
      .once('secureConnect', () => {
        resolve(true)
        socket.destroy()
      })
  })
}

function firstWord(host: string, port: number, timeout: number): Promise<Protocol | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout })
    const settle = (protocol?: Protocol) => {
      resolve(protocol)
      socket.destroy()
    }
    socket
      .once('timeout', () => settle())
      .once('error', () => settle())
      .once('close', () => settle())
    socket.once('data', (bytes) => {
      if (bytes[0] === alert) settle('TLS')
      else if (bytes[0] === 0 && bytes[3] === settings) settle('HTTP/2 without TLS')
      else settle(bytes.toString('latin1').startsWith('HTTP/1.') ? 'HTTP/1.1' : 'something else')
    })
    socket.write('GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
  })
}

/** Whether a process accepts connections there. */
export function accepts({ host, port }: { readonly host: string; readonly port: number }): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, host)
    socket.once('error', () => resolve(false))
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
  })
}
