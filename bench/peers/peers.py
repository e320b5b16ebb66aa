"""What Python's pools need for the same work: "peers.py WHAT WHO N" prints seconds.

The supervisor holds no limit here but where WHAT says so: a pool that has
none cannot be compared there.
"""

import statistics
import sys
import time


def echo(value):
    return value


def add(number):
    return number + 1


def task(seconds):
    time.sleep(seconds)
    return seconds


def spin():
    while True:
        pass


def warm_call(who, workers=1):
    """Returns a function that makes one call and waits for it, and the pool."""
    if who in ("multiprocessing", "billiard"):
        pool = __import__(who).Pool(workers)
        return lambda b: pool.apply(echo, (b,)), pool.terminate
    if who == "executor":
        from concurrent.futures import ProcessPoolExecutor

        pool = ProcessPoolExecutor(workers)
        return lambda b: pool.submit(echo, b).result(), pool.shutdown
    from pebble import ProcessPool

    pool = ProcessPool(max_workers=workers)
    return lambda b: pool.schedule(echo, args=(b,), timeout=60).result(), lambda: (pool.stop(), pool.join())


def calls(who, n, size):
    """The median of n calls, one after the other."""
    call, close = warm_call(who)
    payload = b"x" * size
    call(payload)
    took = []
    for _ in range(n):
        begun = time.perf_counter()
        if len(call(payload)) != size:
            sys.exit("it came back shorter")
        took.append(time.perf_counter() - begun)
    close()
    return statistics.median(took)


def processes(n):
    """A process for each call."""
    import multiprocessing

    begun = time.perf_counter()
    for _ in range(n):
        p = multiprocessing.Process(target=add, args=(1,))
        p.start()
        p.join()
    return (time.perf_counter() - begun) / n


def tiny(who, n):
    """The time for each of n tiny calls on two workers."""
    if who.startswith("multiprocessing"):
        import multiprocessing

        pool = multiprocessing.Pool(2)
        chunk, close = (100 if who.endswith("chunks") else 1), pool.terminate
        results = lambda: pool.imap_unordered(add, range(n), chunk)
    elif who == "executor chunks":
        from concurrent.futures import ProcessPoolExecutor

        pool = ProcessPoolExecutor(2)
        close, results = pool.shutdown, lambda: pool.map(add, range(n), chunksize=100)
    else:
        from pebble import ProcessPool

        pool = ProcessPool(max_workers=2)
        close = lambda: (pool.stop(), pool.join())
        results = lambda: pool.map(add, range(n), chunksize=100, timeout=60).result()
    begun = time.perf_counter()
    if sum(results()) != n * (n + 1) // 2:
        sys.exit("results are missing")
    took = time.perf_counter() - begun
    close()
    return took / n


def mixed(limit, tasks):
    """A batch in which some tasks hang, four at a time, each under a limit."""
    from concurrent.futures import TimeoutError
    from pebble import ProcessPool

    begun = time.perf_counter()
    with ProcessPool(max_workers=4) as pool:
        futures = [(pool.schedule(task, args=(s,), timeout=limit), s > limit) for s in tasks]
        for future, hangs in futures:
            try:
                late = future.result() > limit
            except TimeoutError:
                late = True
            if late != hangs:
                sys.exit("a wrong outcome")
        return time.perf_counter() - begun


def cutoff(n):
    """From the deadline of an endless call to its error."""
    from concurrent.futures import TimeoutError
    from pebble import ProcessPool

    limit, took = 0.1, []
    with ProcessPool(max_workers=1) as pool:
        for _ in range(n):
            pool.schedule(echo, args=(1,)).result()
            begun = time.perf_counter()
            try:
                pool.schedule(spin, timeout=limit).result()
            except TimeoutError:
                took.append(time.perf_counter() - begun - limit)
    return statistics.median(took)


def main(what, who, n):
    if what == "has":
        __import__(who)
        return 0
    if what == "mixed":
        limit, *tasks = map(float, sys.stdin.read().split())
        return mixed(limit, tasks)
    if what == "process":
        return processes(n)
    if what == "tiny":
        return tiny(who, n)
    if what == "cutoff":
        return cutoff(n)
    return calls(who, n, int(what))


if __name__ == "__main__":
    print(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
