import { drain } from '@podrain/express'
import express from 'express'
import { held, listening } from './held.mjs'

const { PORT = 0, HOST = '127.0.0.1' } = process.env

const app = express()
app.use(drain())
app.get('/', (_request, response) => response.send('here'))
app.get('/held', async (_request, response) => response.send(await held()))
const server = app.listen(Number(PORT), HOST, () => listening(server.address()))
