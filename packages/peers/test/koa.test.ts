import { koaSubjects } from '../src/subjects/koa.js'
import { describeContract } from './describe.js'

describeContract(...koaSubjects)
