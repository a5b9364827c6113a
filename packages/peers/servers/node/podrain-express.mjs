import { drain } from '@podrain/express'
import express from 'express'
import { echo, handle, options } from './application.mjs'

const app = express()
app.use(drain(options))
app.use(handle)
echo(app.listen(process.env.PORT, process.env.HOST))
