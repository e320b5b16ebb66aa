package wire

import "encoding/binary"

// An Area is memory that both ends share and one of them writes to. A large
// payload is laid there, which spares the way through the pipe; its header
// goes over the pipe as ever, so that order and completeness are the pipe's.
// There is one payload in it at a time: it holds requests or replies, of which
// the next comes only when the last has been read.
type Area []byte

// Share sets the areas for what this end writes and for what it reads. It must
// be called before the first Write and Read.
func (c *Conn) Share(write, read Area) { c.areas = [2]Area{write, read} }

// lend lays a payload into the area and returns 1, or 0 if it has to go over
// the pipe. Whoever writes such frames does so one after the other.
func (c *Conn) lend(kind Kind, size int, payload [][]byte) byte {
	switch kind {
	case KindCall, KindDone, KindError, KindRefused:
	default:
		return 0
	}
	area := c.areas[0]
	if size <= inline || size > len(area) {
		return 0
	}
	area = area[:0]
	for _, p := range payload {
		area = append(area, p...)
	}
	return 1
}

// borrowed copies a payload out of the area, once its header is known to be
// one. The payload has no checksum: what is written to a pipe by mistake does
// not end up here.
func (c *Conn) borrowed(head *[headSize]byte, size int) ([]byte, error) {
	if size > len(c.areas[1]) || c.sum(head[:sumAt], nil) != binary.LittleEndian.Uint32(head[sumAt:]) {
		return nil, ErrGarbled
	}
	return append([]byte(nil), c.areas[1][:size]...), nil
}
