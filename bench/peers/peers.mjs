// What Node's pools need for the same work: "peers.mjs WHAT WHO N" prints
// seconds. workerpool has processes here, piscina only threads.

import { fileURLToPath } from 'node:url'

const functions = fileURLToPath(new URL('functions.mjs', import.meta.url))
const [what, who, n] = [process.argv[2], process.argv[3], Number(process.argv[4])]

// open returns run(name, argument, limit in milliseconds) and close().
async function open(workers) {
  if (who === 'workerpool') {
    const { default: workerpool } = await import('workerpool')
    const pool = workerpool.pool(functions, {
      workerType: 'process', minWorkers: workers, maxWorkers: workers, forkArgs: ['workerpool'],
    })
    return {
      run: (name, argument, limit) => {
        const call = pool.exec(name, [argument])
        return limit ? call.timeout(limit) : call
      },
      close: () => pool.terminate(true),
    }
  }
  const { Piscina } = await import('piscina')
  const pool = new Piscina({ filename: functions, minThreads: workers, maxThreads: workers })
  return {
    run: (name, argument, limit) => pool.run(argument, { name, signal: limit && AbortSignal.timeout(limit) }),
    close: () => pool.destroy(),
  }
}

const now = () => performance.now() / 1000
const median = (values) => values.sort((a, b) => a - b)[values.length >> 1]

// calls is the median of n calls, one after the other.
async function calls(run, size) {
  const payload = 'x'.repeat(size)
  const took = []
  await run('echo', payload)
  for (let i = 0; i < n; i++) {
    const begun = now()
    if ((await run('echo', payload)).length !== size) throw new Error('it came back shorter')
    took.push(now() - begun)
  }
  return median(took)
}

// tiny is the time for each of n tiny calls.
async function tiny(run) {
  await Promise.all([run('add', 0), run('add', 0)])
  const begun = now()
  const results = await Promise.all(Array.from({ length: n }, (_, i) => run('add', i)))
  if (results.reduce((a, b) => a + b, 0) !== n * (n + 1) / 2) throw new Error('results are missing')
  return (now() - begun) / n
}

// cutoff is the time from the deadline of an endless call to its error.
async function cutoff(run) {
  const limit = 100
  const late = []
  for (let i = 0; i < n; i++) {
    await run('echo', 1)
    const begun = now()
    const ended = await run('spin', 0, limit).then(() => 'it ended', (error) => error.name)
    if (!['TimeoutError', 'AbortError'].includes(ended)) throw new Error(`not cut off: ${ended}`)
    late.push(now() - begun - limit / 1000)
  }
  return median(late)
}

if (what === 'has') {
  await import(who)
} else {
  const pool = await open(what === 'tiny' ? 2 : 1)
  const measure = { tiny, cutoff }[what] ?? ((run) => calls(run, Number(what)))
  console.log(await measure(pool.run))
  await pool.close()
}
