package cutoff

import "sync"

// What a call that finds a worker idle does not pay for.

// takeIdle returns a worker for a call that need not wait, or nil. It must be
// called with mu held.
func (e *engine) takeIdle() *member {
	if len(e.waiting) > 0 || !e.isFree() {
		return nil
	}
	return e.takeFree()
}

// isFree reports whether a call may be given a worker now.
func (e *engine) isFree() bool { return len(e.idle) > 0 && e.busy < e.opts.Workers }

// takeFree takes the worker that served last out of the idle ones.
func (e *engine) takeFree() *member {
	last := len(e.idle) - 1
	m := e.idle[last]
	e.idle = e.idle[:last]
	m.isIdle = false
	e.busy++
	return m
}

// heard reports whether anybody listens to events.
func (e *engine) heard() bool { return e.opts.OnEvent != nil || e.opts.Logger != nil }

// give sets the value that the caller gets.
func (c *invocation) give(encoded []byte) {
	c.value = encoded
	c.out = &c.value
}

// invocations keeps those that Func.Call is done with for the next call.
var invocations = sync.Pool{New: func() any { return &invocation{kill: make(chan struct{})} }}

func newInvocation() *invocation { return invocations.Get().(*invocation) }

// recycle gives the invocation back. Nobody else may know of it any more: it
// has left the engine, and whoever hears of events may keep its result.
func (c *invocation) recycle() {
	kill := c.kill
	if c.cause != nil || c.e.heard() {
		return
	}
	*c = invocation{kill: kill}
	invocations.Put(c)
}
