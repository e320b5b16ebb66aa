package wire

import "encoding/binary"

// putBound is how large a payload Put takes: beyond it the way hardly counts.
const putBound = 1<<20 + 1<<10

// Put writes one frame into a slot of memory that the other end reads, and
// reports whether it fits there or, its payload, into the area. It does not keep
// the payload.
func (c *Conn) Put(slot []byte, kind Kind, call uint64, payload ...[]byte) bool {
	size := 0
	for _, p := range payload {
		size += len(p)
	}
	lent := byte(0)
	if size > len(slot)-headSize {
		if size > putBound {
			return false
		}
		if lent = c.lend(kind, size, payload); lent == 0 {
			return false
		}
		payload = nil
	}
	b := binary.LittleEndian.AppendUint32(slot[:0], uint32(size))
	b = append(b, byte(kind), lent, 0, 0)
	b = binary.LittleEndian.AppendUint64(b, call)
	b = binary.LittleEndian.AppendUint32(b, c.sum(b, payload))
	for _, p := range payload {
		b = append(b, p...)
	}
	return true
}

// Take copies a frame out of a slot. The other end may write to the slot at any
// time: nothing is looked at before it has been copied. One goroutine may take.
func (c *Conn) Take(slot []byte) (Frame, error) {
	head := &c.taken
	copy(head[:], slot)
	f, size, err := parseHead(head)
	if err == nil && head[lentAt] != 0 {
		f.Payload, err = c.borrowed(head, size)
		return f, err
	}
	if err != nil || size > len(slot)-headSize {
		return Frame{}, ErrGarbled
	}
	f.Payload = append(make([]byte, 0, size), slot[headSize:headSize+size]...)
	if c.sum(head[:], [][]byte{f.Payload}) != binary.LittleEndian.Uint32(head[sumAt:]) {
		return Frame{}, ErrGarbled
	}
	return f, nil
}

// parseHead returns the frame without its payload, and the payload's size.
func parseHead(head *[headSize]byte) (Frame, int, error) {
	size := binary.LittleEndian.Uint32(head[:])
	f := Frame{Kind: Kind(head[4]), Call: binary.LittleEndian.Uint64(head[8:])}
	if size > MaxPayload || f.Kind == 0 || f.Kind >= kindEnd {
		return Frame{}, 0, ErrGarbled
	}
	return f, int(size), nil
}

// MeterSize is the length of a Meter's encoding.
const MeterSize = meterSize
