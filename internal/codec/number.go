package codec

import "encoding/binary"

// Whole numbers are so common, and so short, that the way through reflection
// costs them more than everything else. What stands here writes and reads the
// same bytes as the library, which takes whatever else it finds.

const (
	unsigned = 0 << 5 // the major types of CBOR
	negative = 1 << 5
)

// appendHead appends a major type and its argument, in the shortest form.
func appendHead(b []byte, major byte, n uint64) []byte {
	switch {
	case n < 24:
		return append(b, major|byte(n))
	case n < 1<<8:
		return append(b, major|24, byte(n))
	case n < 1<<16:
		return binary.BigEndian.AppendUint16(append(b, major|25), uint16(n))
	case n < 1<<32:
		return binary.BigEndian.AppendUint32(append(b, major|26), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(b, major|27), n)
}

func encodeInt(n int64) []byte {
	b := make([]byte, 0, 9)
	if n < 0 {
		return appendHead(b, negative, uint64(^n))
	}
	return appendHead(b, unsigned, uint64(n))
}

func encodeUint(n uint64) []byte { return appendHead(make([]byte, 0, 9), unsigned, n) }

// cutHead reads what appendHead wrote, if it is all of b.
func cutHead(b []byte) (major byte, n uint64, ok bool) {
	if len(b) == 0 {
		return 0, 0, false
	}
	major, short := b[0]&0xe0, b[0]&0x1f
	if short < 24 {
		return major, uint64(short), len(b) == 1
	}
	switch b = b[1:]; {
	case short == 24 && len(b) == 1:
		return major, uint64(b[0]), true
	case short == 25 && len(b) == 2:
		return major, uint64(binary.BigEndian.Uint16(b)), true
	case short == 26 && len(b) == 4:
		return major, uint64(binary.BigEndian.Uint32(b)), true
	case short == 27 && len(b) == 8:
		return major, binary.BigEndian.Uint64(b), true
	}
	return 0, 0, false
}

// decodeInt reports false if b is not one number that fits.
func decodeInt(b []byte) (int64, bool) {
	major, n, ok := cutHead(b)
	if !ok || n > 1<<63-1 {
		return 0, false
	}
	switch major {
	case unsigned:
		return int64(n), true
	case negative:
		return ^int64(n), true
	}
	return 0, false
}

func decodeUint(b []byte) (uint64, bool) {
	major, n, ok := cutHead(b)
	return n, ok && major == unsigned
}
