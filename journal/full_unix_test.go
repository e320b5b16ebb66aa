//go:build darwin || linux

package journal

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/cutoff-run/cutoff"
)

func TestDevFull(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("this system has no /dev/full")
	}
	_, err := Create("/dev/full", testHeader(), Options{})
	if !errors.Is(err, unix.ENOSPC) || !strings.Contains(err.Error(), "/dev/full") {
		t.Errorf("error %v", err)
	}
}

// The same as a full disk, by a real kernel and for any user: the file may
// not grow, so that the last write of the record is cut in its middle.
func TestFileSizeLimit(t *testing.T) {
	signal.Ignore(unix.SIGXFSZ)
	defer signal.Reset(unix.SIGXFSZ)
	var old unix.Rlimit
	check(t, unix.Getrlimit(unix.RLIMIT_FSIZE, &old))
	const room = 1 << 20 // more than the test binary's own files need
	path := newPath(t)
	w := mustCreate(t, path, Options{Sync: SyncOff})
	e := testEnded(1, cutoff.OK)
	e.Output = strings.Repeat("o", 100_000)

	limit := old
	limit.Cur = room
	check(t, unix.Setrlimit(unix.RLIMIT_FSIZE, &limit))
	defer func() { check(t, unix.Setrlimit(unix.RLIMIT_FSIZE, &old)) }()
	accepted := 0
	var err error
	for err == nil && accepted < 100 {
		if err = w.Ended(e); err == nil {
			accepted++
		}
	}
	if !errors.Is(err, unix.EFBIG) || !strings.Contains(err.Error(), path) {
		t.Fatalf("error %v", err)
	}
	recs, errs := readAll(mustReadFile(t, path))
	if len(recs) != accepted+1 || errs != nil || accepted == 0 {
		t.Errorf("%d records for %d accepted, errors %v", len(recs), accepted, errs)
	}
}

func TestPipe(t *testing.T) {
	r, pw, err := os.Pipe()
	check(t, err)
	defer r.Close()
	if _, err := os.Stat("/dev/fd/0"); err != nil {
		t.Skip("this system has no /dev/fd")
	}
	w, err := Create(fmt.Sprintf("/dev/fd/%d", pw.Fd()), testHeader(), Options{Sync: SyncAlways})
	check(t, err)
	check(t, pw.Close())
	check(t, w.Ended(testEnded(1, cutoff.OK)))
	check(t, w.Close())
	n := 0
	for _, err := range Read(r) {
		check(t, err)
		n++
	}
	if n != 2 {
		t.Errorf("%d records", n)
	}
}
