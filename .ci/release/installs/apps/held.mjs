/** Writes `held` to stdout when `/held` is requested. Resolves with the response when a line arrives on stdin. */
export const held = () =>
  new Promise((resolve) => {
    process.stdin.once('data', () => {
      process.stdin.destroy()
      resolve('answered')
    })
    console.log('held')
  })

export const listening = ({ port }) => console.log(`listening ${port}`)
