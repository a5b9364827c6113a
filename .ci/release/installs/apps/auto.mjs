// A server without podrain in its code.
import express from 'express'
import { held, listening } from './held.mjs'

const app = express()
app.get('/held', async (_request, response) => response.send(await held()))
const server = app.listen(0, '127.0.0.1', () => listening(server.address()))
