package wire

import "encoding/binary"

// putBound is how large a payload Put takes: beyond it the way hardly counts.
const putBound = 1<<20 + 1<<10

// Put writes one frame at the head of a slot of memory that the other end
// reads. It returns how much of the slot the frame takes, or 0 if it does not
// fit there or, its payload, into the area. It does not keep the payload.
func (c *Conn) Put(slot []byte, kind Kind, call uint64, payload ...[]byte) int {
	size := 0
	for _, p := range payload {
		size += len(p)
	}
	if len(slot) < headSize {
		return 0
	}
	lent := byte(0)
	if size > len(slot)-headSize {
		if size > putBound {
			return 0
		}
		if lent = c.lend(kind, size, payload); lent == 0 {
			return 0
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
	return len(b)
}

// Take copies a frame out of the head of a slot, and returns how much of the
// slot it takes. The other end may write to the slot at any time: nothing is
// looked at before it has been copied. One goroutine may take.
func (c *Conn) Take(slot []byte) (Frame, int, error) {
	head := &c.taken
	if copy(head[:], slot) < headSize {
		return Frame{}, 0, ErrGarbled
	}
	f, size, err := parseHead(head)
	if err == nil && head[lentAt] != 0 {
		f.Payload, err = c.borrowed(head, size)
		return f, headSize, err
	}
	if err != nil || size > len(slot)-headSize {
		return Frame{}, 0, ErrGarbled
	}
	f.Payload = append(make([]byte, 0, size), slot[headSize:headSize+size]...)
	if c.sum(head[:], [][]byte{f.Payload}) != binary.LittleEndian.Uint32(head[sumAt:]) {
		return Frame{}, 0, ErrGarbled
	}
	return f, headSize + size, nil
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

// HeadSize is what a frame takes beside its payload.
const HeadSize = headSize

// MeterSize is the length of a Meter's encoding.
const MeterSize = meterSize
