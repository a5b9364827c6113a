// One pod: the application with the shutdown library of a contender. Argument: the contender's name.
import { contenders } from './contenders.js'

const [name] = process.argv.slice(2)
const contender = contenders.find((each) => each.name === name)
if (!contender) throw new Error(`There is no contender ${name}`)
void contender.listen(process.env.HOST ?? '127.0.0.1', Number(process.env.PORT))
