/** Opens an event stream. Returns the text so far, and a promise that resolves when the stream has ended. */
export async function stream(url: string): Promise<{ readonly text: () => string; readonly end: Promise<string> }> {
  const { body } = await fetch(url, { headers: { accept: 'text/event-stream' } })
  if (!body) throw new Error(`no body from ${url}`)
  let text = ''
  async function read(chunks: AsyncIterable<Uint8Array>): Promise<string> {
    const decoder = new TextDecoder()
    for await (const chunk of chunks) text += decoder.decode(chunk, { stream: true })
    return text
  }
  return { text: () => text, end: read(body) }
}
