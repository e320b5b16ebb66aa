// What the workers of Node's pools can do.

export const echo = (value) => value
export const add = (number) => number + 1
export const spin = () => { for (;;) {} }

if (process.argv.includes('workerpool')) { // which has its workers ask for their calls
  const { default: workerpool } = await import('workerpool')
  workerpool.worker({ echo, add, spin })
}
