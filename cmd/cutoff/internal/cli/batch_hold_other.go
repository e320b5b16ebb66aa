//go:build !linux

package cli

import (
	"io"
	"time"
)

// hold refuses: nobody has looked yet where these are told here.
func (p *paceFlags) hold(io.Writer) (func() time.Duration, error) {
	if p.load != "" || p.memFree != 0 {
		return nil, usagef("--load and --memfree are for Linux")
	}
	return nil, nil
}
