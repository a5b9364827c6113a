import { validateHeaderName, validateHeaderValue } from 'node:http'
import { InvalidArgumentError } from 'commander'
import type { RequestHeaders } from '../requests.js'

/** Headers that say where a message or its connection ends, or becomes one of another protocol. Each sentence writes its own. */
const reserved =
  /^(connection|content-length|expect|http2-settings|keep-alive|proxy-connection|te|trailer|transfer-encoding|upgrade|sec-websocket-.*)$/

/** `Host: shop.example`, added to the headers that were given before. */
export function addHeader(text: string, before: RequestHeaders): RequestHeaders {
  const [, name = '', rest = ''] = /^([^:]+):(.*)$/s.exec(text) ?? []
  const value = rest.trim()
  if (!isValid(name, value)) {
    throw new InvalidArgumentError('It takes a name and a value in one line, such as "Host: shop.example".')
  }
  const key = name.toLowerCase()
  if (reserved.test(key))
    throw new InvalidArgumentError(`The contract writes ${name} itself, as each sentence needs it.`)
  if (key in before) throw new InvalidArgumentError(`${name} is given twice.`)
  if (key === 'host' && !/^[\w.-]+(:\d+)?$/.test(value)) {
    throw new InvalidArgumentError('Host takes a name with or without a port, such as shop.example.')
  }
  return { ...before, [key]: value }
}

function isValid(name: string, value: string): boolean {
  try {
    validateHeaderName(name)
    validateHeaderValue(name, value)
    return value !== ''
  } catch {
    return false
  }
}
