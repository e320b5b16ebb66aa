// Package wire is the protocol between a pool and one of its workers.
//
// It is spoken over two pipes of its own, never over the standard streams,
// since user code prints: the worker reads requests from one and writes
// replies to the other. A short way for small calls is a page of memory with a
// slot for each of the two; what lies there is a frame as well. The page's
// layout, and who may write what when, stand in
// docs/design/2026-11-22-shared-page.md. Each message is a frame:
//
//	offset  size  field
//	     0     4  length of the payload in bytes, at most MaxPayload
//	     4     1  kind
//	     5     1  1 if the payload does not follow: it lies in shared memory (see Area)
//	     6     2  zero
//	     8     8  number of the call the frame belongs to; 0 for none
//	    16     4  CRC-32C over the secret, the frame's first 16 bytes, and the
//	              payload if it follows
//	    20     -  payload
//
// All numbers are little-endian. The secret is a random number that the pool
// gives each worker when it starts it. Together with the checksum it makes
// sure that what user code may have written to the pipe by mistake is never
// taken for a message: the reader returns ErrGarbled, and the pool kills the
// worker. A frame that is cut short by a kill is no message at all.
//
// Frames to the worker:
//
//	KindCall    run a function: 8 bytes, its time limit in nanoseconds (0 for
//	            none; only for the function to look at, the pool keeps it), 8
//	            bytes, its memory limit (0 for none; only for the runtime to
//	            collect in time), one byte, 1 if a KindCancel may follow, one
//	            byte with the length of its name, the name, the encoded input
//	KindCancel  cancel the context of the running call (the polite stop)
//
// The end of the request pipe asks the worker to exit.
//
// Frames from the worker:
//
//	KindHello     first of all: Version (1 byte), 1 if it has mapped the page
//	              (1 byte), 2 bytes of zero, the program's fingerprint
//	KindStarted   the call was taken up, its function runs from now on: Meter,
//	              what the worker has used until now
//	KindBeat      a sign of life: 8 bytes, the progress as a float64's bits
//	KindReport    the best result so far, encoded as the function's result
//	KindDone      the function's result: Meter, then the encoded result
//	KindError     the function's error: Meter, then an encoded Error
//	KindPanic     the function panicked or ended its goroutine: Meter, then
//	              an encoded Panic. The worker takes no further call.
//	KindRefused   input or result could not be converted, or the function is
//	              not registered: Meter, then an encoded Refusal
//	KindStack     where the worker's goroutines are, as runtime.Stack prints
//	              them, at most StackBound bytes. It answers a question for the
//	              call's stack, which does not come over these pipes: the
//	              goroutine that reads them may be the one that is stuck.
//
// After KindStarted a call has exactly one of KindDone to KindRefused, unless
// the worker dies first. Frames of a call that has ended are ignored: a
// goroutine that outlives its call may still send beats.
package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
	"sync"
)

// Version is the version of the protocol. Both ends are the same binary, so
// they agree or do not talk.
const Version = 1

// MaxPayload bounds the payload of a frame: 1 GiB.
const MaxPayload = 1 << 30

// MaxValue bounds an encoded input, result or report: what surrounds it in its
// frame takes less than 1 KiB.
const MaxValue = MaxPayload - 1<<10

// StackBound is the longest payload of a KindStack. One of that length was cut.
const StackBound = 64 << 10

// Kind tells what a frame means.
type Kind uint8

// The kinds of frames; see the package comment.
const (
	KindCall Kind = iota + 1
	KindCancel
	KindHello
	KindStarted
	KindBeat
	KindReport
	KindDone
	KindError
	KindPanic
	KindRefused
	KindStack
	kindEnd
)

// Frame is one message.
type Frame struct {
	Kind    Kind
	Call    uint64
	Payload []byte
}

// ErrGarbled means that what arrived is no frame of this conversation.
var ErrGarbled = errors.New("garbled message: something else wrote to the worker's private descriptors")

// ErrTooLarge means that a payload exceeds MaxPayload.
var ErrTooLarge = fmt.Errorf("it is larger than a message may be, about %d bytes", MaxPayload)

const (
	headSize = 20
	lentAt   = 5
	sumAt    = 16
	// inline is up to what size a payload is copied behind its header, so that
	// a frame is one write. A larger one is cheaper to write on its own.
	inline = 64 << 10
	// trust is how much memory a reader allots on a header's word alone.
	trust = 1 << 20
)

// Conn is one end of a conversation. One goroutine may read from it; any
// number may write.
type Conn struct {
	table  *crc32.Table
	secret uint32  // the checksum of the secret, with which each frame's begins
	areas  [2]Area // of what is written, of what is read
	r      io.Reader
	head   [headSize]byte
	taken  [headSize]byte // the header that Take looks at

	mu  sync.Mutex
	w   io.Writer
	buf []byte // the frame being written
}

// NewConn returns a connection that reads frames from r and writes them to w.
func NewConn(r io.Reader, w io.Writer, secret uint64) *Conn {
	b := binary.LittleEndian.AppendUint64(nil, secret)
	table := crc32.MakeTable(crc32.Castagnoli)
	return &Conn{r: r, w: w, table: table, secret: crc32.Checksum(b, table)}
}

// Write sends one frame, the payload given in pieces to spare the caller a
// copy. It does not keep them.
func (c *Conn) Write(kind Kind, call uint64, payload ...[]byte) error {
	size := 0
	for _, p := range payload {
		size += len(p)
	}
	if size > MaxPayload {
		return ErrTooLarge
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	b := c.buf[:0]
	b = binary.LittleEndian.AppendUint32(b, uint32(size))
	lent := c.lend(kind, size, payload)
	if lent != 0 {
		payload = nil
	}
	b = append(b, byte(kind), lent, 0, 0)
	b = binary.LittleEndian.AppendUint64(b, call)
	b = binary.LittleEndian.AppendUint32(b, c.sum(b, payload))
	for len(payload) > 0 && len(payload[0]) <= inline {
		b = append(b, payload[0]...)
		payload = payload[1:]
	}
	if cap(b) <= 4*inline {
		c.buf = b
	}
	if _, err := c.w.Write(b); err != nil {
		return err
	}
	for _, p := range payload {
		if _, err := c.w.Write(p); err != nil {
			return err
		}
	}
	return nil
}

// Read returns the next frame. It returns io.EOF when the other end is gone,
// also in the middle of a frame: what a kill cut short was never sent.
func (c *Conn) Read() (Frame, error) {
	if _, err := io.ReadFull(c.r, c.head[:]); err != nil {
		return Frame{}, whole(err)
	}
	f, size, err := parseHead(&c.head)
	if err != nil {
		return Frame{}, err
	}
	if c.head[lentAt] != 0 {
		f.Payload, err = c.borrowed(&c.head, size)
		return f, err
	}
	payload, err := readPayload(c.r, size)
	if err != nil {
		return Frame{}, whole(err)
	}
	if c.sum(c.head[:sumAt], [][]byte{payload}) != binary.LittleEndian.Uint32(c.head[sumAt:]) {
		return Frame{}, ErrGarbled
	}
	f.Payload = payload
	return f, nil
}

// readPayload reads size bytes and lets the memory for them grow with what
// really arrives, since the size may be a lie.
func readPayload(r io.Reader, size int) ([]byte, error) {
	b := make([]byte, 0, min(size, trust))
	for len(b) < size {
		b = slices.Grow(b, min(size-len(b), max(len(b), 1)))
		part := b[len(b):min(cap(b), size)]
		if _, err := io.ReadFull(r, part); err != nil {
			return nil, err
		}
		b = b[:len(b)+len(part)]
	}
	return b, nil
}

func (c *Conn) sum(head []byte, payload [][]byte) uint32 {
	s := crc32.Update(c.secret, c.table, head[:sumAt])
	for _, p := range payload {
		s = crc32.Update(s, c.table, p)
	}
	return s
}

func whole(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return io.EOF
	}
	return err
}
