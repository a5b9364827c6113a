import { nodeSubjects } from '../src/subjects/node.js'
import { describeContract } from './describe.js'

describeContract(...nodeSubjects)
