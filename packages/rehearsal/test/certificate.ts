import { generate } from 'selfsigned'

/** A key and a certificate that nobody but itself has signed. */
export async function certificate(): Promise<{ key: string; cert: string }> {
  const { private: key, cert } = await generate([{ name: 'commonName', value: '127.0.0.1' }], {
    keyType: 'ec',
  } as never)
  return { key, cert }
}
