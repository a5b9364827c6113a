/** Answers `/held` when a line comes on stdin, and says on stdout that it was asked. */
export const held = () =>
  new Promise((resolve) => {
    process.stdin.once('data', () => {
      process.stdin.destroy()
      resolve('answered')
    })
    console.log('held')
  })

export const listening = ({ port }) => console.log(`listening ${port}`)
