// Package codec turns Go values into bytes and back. Both ends of a call are
// the same binary and know the static types, so nothing on the wire names
// them: []byte and string travel as they are, everything else as CBOR
// (RFC 8949), whose decoder is made for hostile input.
package codec

import (
	"reflect"

	"github.com/fxamacker/cbor/v2"
)

var (
	enc = must(cbor.EncOptions{
		Time:    cbor.TimeRFC3339NanoUTC,
		TimeTag: cbor.EncTagRequired,
	}.EncMode())
	dec = must(cbor.DecOptions{
		// A value that our own encoder wrote must come back, however big.
		MaxArrayElements: 1<<31 - 1,
		MaxMapPairs:      1<<31 - 1,
		MaxNestedLevels:  1 << 10,
		DefaultMapType:   reflect.TypeFor[map[string]any](),
		UTF8:             cbor.UTF8DecodeInvalid, // a Go string may hold any bytes
		TimeTag:          cbor.DecTagOptional,
	}.DecMode())
)

// must is for options that are constants of this package: a mistake in them
// shows in every run.
func must[M any](mode M, err error) M {
	if err != nil {
		panic(err)
	}
	return mode
}

// Encode returns v's encoding. For a []byte it is v itself, not a copy. The
// static type decides, as it does in Decode: a string in an interface is CBOR.
func Encode[T any](v T) ([]byte, error) {
	switch p := any(&v).(type) {
	case *[]byte:
		return *p, nil
	case *string:
		return []byte(*p), nil
	case *int:
		return encodeInt(int64(*p)), nil
	case *int64:
		return encodeInt(*p), nil
	case *uint64:
		return encodeUint(*p), nil
	}
	return enc.Marshal(v)
}

// Decode decodes b into the value that v points to. A *[]byte then shares b's
// memory.
func Decode(b []byte, v any) error {
	switch v := v.(type) {
	case *[]byte:
		*v = b
		return nil
	case *string:
		*v = string(b)
		return nil
	case *int:
		if n, ok := decodeInt(b); ok && int64(int(n)) == n {
			*v = int(n)
			return nil
		}
	case *int64:
		if n, ok := decodeInt(b); ok {
			*v = n
			return nil
		}
	case *uint64:
		if n, ok := decodeUint(b); ok {
			*v = n
			return nil
		}
	}
	return dec.Unmarshal(b, v)
}
