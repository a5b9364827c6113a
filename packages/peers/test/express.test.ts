import { expressSubjects } from '../src/subjects/express.js'
import { describeContract } from './describe.js'

describeContract(...expressSubjects)
