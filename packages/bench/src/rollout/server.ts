// One pod: the application, ended in the way of a contender. Its argument is the contender's name.
import { contenders } from './contenders.js'

const [name] = process.argv.slice(2)
const contender = contenders.find((each) => each.name === name)
if (!contender) throw new Error(`There is no contender ${name}`)
void contender.listen(process.env.HOST ?? '127.0.0.1', Number(process.env.PORT))
