package wire

import (
	"encoding/binary"
	"math"
	"time"
)

// Meter is what a call used, as the worker measured it. It stands at the head
// of every reply: wall, user and system time in nanoseconds, the worker's peak
// resident set in bytes, and the numbers of goroutines and of processes that
// the call left behind, 8 bytes each.
type Meter struct {
	Wall, User, System time.Duration
	MaxRSS             int64
	Goroutines         int
	Processes          int
}

const meterSize = 48

// Append appends m's encoding to b.
func (m Meter) Append(b []byte) []byte {
	for _, n := range [...]int64{int64(m.Wall), int64(m.User), int64(m.System), m.MaxRSS, int64(m.Goroutines), int64(m.Processes)} {
		b = binary.LittleEndian.AppendUint64(b, uint64(n))
	}
	return b
}

// CutMeter splits a reply's payload into its meter and the rest.
func CutMeter(payload []byte) (Meter, []byte, error) {
	if len(payload) < meterSize {
		return Meter{}, nil, ErrGarbled
	}
	n := func(i int) int64 { return int64(binary.LittleEndian.Uint64(payload[8*i:])) }
	return Meter{time.Duration(n(0)), time.Duration(n(1)), time.Duration(n(2)), n(3), int(n(4)), int(n(5))}, payload[meterSize:], nil
}

// CallHead encodes the payload of a KindCall up to the input. The name has at
// most 255 bytes.
func CallHead(name string, timeout time.Duration, memory int64, mayCancel bool) []byte {
	return AppendCallHead(make([]byte, 0, callHead+len(name)), name, timeout, memory, mayCancel)
}

// AppendCallHead appends what CallHead returns to b.
func AppendCallHead(b []byte, name string, timeout time.Duration, memory int64, mayCancel bool) []byte {
	b = binary.LittleEndian.AppendUint64(b, uint64(timeout))
	b = binary.LittleEndian.AppendUint64(b, uint64(memory))
	may := byte(0)
	if mayCancel {
		may = 1
	}
	return append(append(b, may, byte(len(name))), name...)
}

const callHead = 18

// CutCall splits the payload of a KindCall.
func CutCall(payload []byte) (name string, timeout time.Duration, memory int64, in []byte, err error) {
	b, timeout, memory, in, err := CutCallBytes(payload)
	return string(b), timeout, memory, in, err
}

// CutCallBytes is CutCall without a copy of the name.
func CutCallBytes(payload []byte) (name []byte, timeout time.Duration, memory int64, in []byte, err error) {
	if len(payload) < callHead || len(payload) < callHead+int(payload[callHead-1]) {
		return nil, 0, 0, nil, ErrGarbled
	}
	n := callHead + int(payload[callHead-1])
	return payload[callHead:n], time.Duration(binary.LittleEndian.Uint64(payload)),
		int64(binary.LittleEndian.Uint64(payload[8:])), payload[n:], nil
}

// MayCancel reports whether a KindCancel may follow a KindCall.
func MayCancel(payload []byte) bool { return len(payload) >= callHead && payload[callHead-2] != 0 }

// Beat encodes the payload of a KindBeat.
func Beat(progress float64) []byte {
	return binary.LittleEndian.AppendUint64(nil, math.Float64bits(progress))
}

// Progress decodes the payload of a KindBeat.
func Progress(payload []byte) (float64, error) {
	if len(payload) != 8 {
		return 0, ErrGarbled
	}
	return math.Float64frombits(binary.LittleEndian.Uint64(payload)), nil
}

// Error is a function's error on its way to the caller.
type Error struct {
	// Chain is the error and everything it wraps, depth first.
	Chain []Link
	// Sentinels names the registered errors that it matches.
	Sentinels []string
}

// Link is one error of a chain.
type Link struct {
	Type, Message string
}

// Panic is how a function ended without returning.
type Panic struct {
	Value string // the panic's value in words; empty for runtime.Goexit
	Stack string
	Exit  bool // runtime.Goexit, not a panic
}

// Refusal says why a call could not be carried out as asked.
type Refusal struct {
	Unknown   bool   // the function is not registered in the worker
	Direction string // "input" or "result": what could not be converted
	Type      string
	Message   string
}
