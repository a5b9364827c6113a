import { fastifySubjects } from '../src/subjects/fastify.js'
import { describeContract } from './describe.js'

describeContract(...fastifySubjects)
