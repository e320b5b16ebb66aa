package journal

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cutoff-run/cutoff"
)

func TestWriteAndRead(t *testing.T) {
	path := newPath(t)
	w := mustCreate(t, path, Options{})
	check(t, w.Started(Started{Time: at(0), Task: testTask(1), Attempt: 1}))
	check(t, w.Ended(testEnded(1, cutoff.OK)))
	recs, errs := readAll(mustReadFile(t, path)) // while it is open: a reader needs no lock
	if errs != nil || len(recs) != 3 {
		t.Fatalf("%d records, errors %v", len(recs), errs)
	}
	h := recs[0].(*Header)
	if h.Major != Major || h.Format != Format || h.Sync != SyncGroup || h.Limits.Timeout != 2*time.Second {
		t.Errorf("header %+v", h)
	}
	want := testEnded(1, cutoff.OK)
	want.Type = kindEnded
	if got := recs[2].(*Ended); !reflect.DeepEqual(got, &want) {
		t.Errorf("ended:\n got %+v\nwant %+v", got, want)
	}
	check(t, w.Close())
	check(t, w.Close())
	if err := w.Ended(testEnded(2, cutoff.OK)); !errors.Is(err, os.ErrClosed) || !strings.Contains(err.Error(), path) {
		t.Errorf("a record after Close: %v", err)
	}
}

func TestHeaderIsCompleted(t *testing.T) {
	path := newPath(t)
	w, err := Create(path, Header{Slots: 2}, Options{Sync: SyncOff})
	check(t, err)
	check(t, w.Close())
	recs, _ := readAll(mustReadFile(t, path))
	h := *recs[0].(*Header)
	if len(h.Argv) == 0 || h.Dir == "" || h.PID != os.Getpid() || h.OS == "" || h.Arch == "" || h.Cores < 1 || h.Time.IsZero() {
		t.Errorf("not completed: %+v", h)
	}
}

func TestCreateRefuses(t *testing.T) {
	journalFile := newPath(t)
	check(t, mustCreate(t, journalFile, Options{}).Close())
	newer := `{"type":"header","format":"cutoff-journal","major":9,"minor":0}` + "\n"
	for name, c := range map[string]struct {
		content string
		want    error
		says    string
	}{
		"a journal":        {string(mustReadFile(t, journalFile)), ErrExists, "of a run of 2026"},
		"a newer journal":  {newer, ErrExists, "newer version"},
		"a shell script":   {"#!/bin/sh\nexit 0\n", ErrNotJournal, "name another file"},
		"other JSON Lines": {`{"type":"started"}` + "\n", ErrNotJournal, "name another file"},
		"zeros":            {strings.Repeat("\x00", 4096), ErrNotJournal, "name another file"},
	} {
		t.Run(name, func(t *testing.T) {
			path := newPath(t)
			check(t, os.WriteFile(path, []byte(c.content), 0o600))
			_, err := Create(path, testHeader(), Options{})
			if !errors.Is(err, c.want) || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error %v, want %v with the path and %q", err, c.want, c.says)
			}
			if got := string(mustReadFile(t, path)); got != c.content {
				t.Error("the file was changed")
			}
		})
	}
	if !errors.Is(ErrExists, fs.ErrExist) {
		t.Error("ErrExists is no fs.ErrExist")
	}
}

func TestCreateTakesEmptyFile(t *testing.T) {
	path := newPath(t)
	check(t, os.WriteFile(path, nil, 0o600))
	check(t, mustCreate(t, path, Options{}).Close())
}

func TestBadOptions(t *testing.T) {
	for _, opts := range []Options{{Sync: "sometimes"}, {Window: -1}} {
		if _, err := Create(newPath(t), testHeader(), opts); err == nil {
			t.Errorf("%+v was accepted", opts)
		}
	}
}

func TestAppend(t *testing.T) {
	path := newPath(t)
	w := mustCreate(t, path, Options{})
	check(t, w.Ended(testEnded(1, cutoff.OK)))
	check(t, w.Close())
	before := mustReadFile(t, path)
	w, err := Append(path, testHeader(), Options{})
	check(t, err)
	check(t, w.Ended(testEnded(2, cutoff.Timeout)))
	check(t, w.Close())
	after := mustReadFile(t, path)
	if !bytes.HasPrefix(after, before) {
		t.Error("what was there has changed")
	}
	recs, errs := readAll(after)
	if errs != nil || len(recs) != 4 || recs[2].kind() != kindHeader || recs[3].(*Ended).Seq != 2 {
		t.Errorf("%v, errors %v", recs, errs)
	}
}

func TestAppendRefuses(t *testing.T) {
	if _, err := Append(newPath(t), testHeader(), Options{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
	for name, content := range map[string]string{"empty": "", "text": "hello\n", "torn header": `{"type":"header","form`} {
		path := newPath(t)
		check(t, os.WriteFile(path, []byte(content), 0o600))
		if _, err := Append(path, testHeader(), Options{}); !errors.Is(err, ErrNotJournal) {
			t.Errorf("%s: %v", name, err)
		}
		if got := string(mustReadFile(t, path)); got != content {
			t.Errorf("%s: the file was changed", name)
		}
	}
}

func TestConcurrentOpenRefused(t *testing.T) {
	path := newPath(t)
	w := mustCreate(t, path, Options{})
	for name, open := range map[string]func(string, Header, Options) (*Writer, error){"Create": Create, "Append": Append} {
		if _, err := open(path, testHeader(), Options{}); !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s beside a writer: %v", name, err)
		}
	}
	check(t, w.Close())
	w, err := Append(path, testHeader(), Options{})
	check(t, err) // the lock went with the writer
	check(t, w.Close())
}

func TestConcurrentRecords(t *testing.T) {
	path := newPath(t)
	w := mustCreate(t, path, Options{Window: time.Microsecond})
	var wg sync.WaitGroup
	for g := range int64(4) {
		wg.Go(func() {
			for i := range int64(100) {
				if err := w.Ended(testEnded(g*100+i, cutoff.OK)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	check(t, w.Close())
	recs, errs := readAll(mustReadFile(t, path))
	if errs != nil || len(recs) != 401 {
		t.Errorf("%d records, errors %v", len(recs), errs)
	}
}

// fakeFile counts, and fails where it is told to.
type fakeFile struct {
	mu       sync.Mutex
	data     []byte
	room     int // bytes that still fit; -1 = any number
	syncs    int
	syncErr  error
	truncErr error
}

var errFull = errors.New("no space left")

func (f *fakeFile) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.room < 0 || len(p) <= f.room {
		f.data = append(f.data, p...)
		return len(p), nil
	}
	n := f.room
	f.data = append(f.data, p[:n]...)
	return n, errFull
}

func (f *fakeFile) Sync() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.syncs++
	return f.syncErr
}

func (f *fakeFile) Truncate(size int64) error {
	if f.truncErr == nil {
		f.data = f.data[:size]
	}
	return f.truncErr
}

func (f *fakeFile) Close() error { return nil }

// newFake returns a writer whose file holds a header.
func newFake(t *testing.T, opts Options) (*Writer, *fakeFile) {
	t.Helper()
	check(t, opts.fill())
	f := &fakeFile{room: -1}
	w := &Writer{path: "run.jsonl", regular: true, opts: opts, f: f}
	h := testHeader()
	h.fill(opts.Sync)
	line, err := encode(&h)
	check(t, err)
	check(t, w.put(line))
	return w, f
}

// A record that the disk holds only in part is never taken for one, however
// many of its bytes fit, and nothing follows it.
func TestDiskFull(t *testing.T) {
	e := testEnded(1, cutoff.OK)
	line, err := encode(&e)
	check(t, err)
	for _, truncErr := range []error{nil, errors.New("cannot truncate")} {
		for n := range line {
			w, f := newFake(t, Options{Sync: SyncOff})
			f.room, f.truncErr = n, truncErr
			first := w.Ended(e)
			if !errors.Is(first, errFull) || !strings.Contains(first.Error(), "run.jsonl") {
				t.Fatalf("%d bytes fit: %v", n, first)
			}
			f.room = -1 // there is room again, and still no gap
			if err := w.Ended(e); err != first {
				t.Fatalf("%d bytes fit: the next record: %v", n, err)
			}
			if err := w.Close(); err != first {
				t.Fatalf("%d bytes fit: Close: %v", n, err)
			}
			recs, errs := readAll(f.data)
			whole := truncErr != nil && n == len(line)-1 // only its newline is missing
			if len(recs) != 1 && !whole {
				t.Fatalf("%d bytes fit: %d records", n, len(recs))
			}
			if truncErr == nil && errs != nil {
				t.Fatalf("%d bytes fit: the torn part is still there: %v", n, errs)
			}
		}
	}
}

func TestGroupSync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, f := newFake(t, Options{Window: time.Second})
		for range 100 {
			check(t, w.Ended(testEnded(1, cutoff.OK)))
		}
		expect := func(when string, want int) {
			t.Helper()
			synctest.Wait()
			f.mu.Lock()
			defer f.mu.Unlock()
			if f.syncs != want {
				t.Errorf("%s: %d syncs, want %d", when, f.syncs, want)
			}
		}
		expect("at once", 0)
		time.Sleep(time.Second)
		expect("after the window", 1)
		time.Sleep(time.Minute)
		expect("without new records", 1)
		check(t, w.Ended(testEnded(2, cutoff.OK)))
		check(t, w.Close())
		expect("after Close", 2)
		time.Sleep(time.Minute)
		expect("long after Close", 2)
	})
}

func TestSyncModes(t *testing.T) {
	for mode, want := range map[SyncMode]int{SyncAlways: 3, SyncOff: 0} {
		w, f := newFake(t, Options{Sync: mode})
		for range 3 {
			check(t, w.Ended(testEnded(1, cutoff.OK)))
		}
		check(t, w.Close())
		if f.syncs != want {
			t.Errorf("%s: %d syncs, want %d", mode, f.syncs, want)
		}
	}
}

// What the system could not bring to the disk is lost: nobody may go on as if
// it were there.
func TestSyncFailureIsFinal(t *testing.T) {
	broken := errors.New("input/output error")
	w, f := newFake(t, Options{Sync: SyncAlways})
	f.syncErr = broken
	if err := w.Ended(testEnded(1, cutoff.OK)); !errors.Is(err, broken) {
		t.Errorf("always: %v", err)
	}
	w, f = newFake(t, Options{Window: time.Hour})
	f.syncErr = broken
	check(t, w.Ended(testEnded(1, cutoff.OK)))
	if err := w.Close(); !errors.Is(err, broken) {
		t.Errorf("group: Close: %v", err)
	}
}

func TestRecordTooLong(t *testing.T) {
	w, f := newFake(t, Options{Sync: SyncOff})
	e := testEnded(1, cutoff.OK)
	e.Stack = strings.Repeat("x", maxLine)
	if err := w.Ended(e); err == nil || !strings.Contains(err.Error(), "longer than") {
		t.Errorf("error %v", err)
	}
	check(t, w.Ended(testEnded(2, cutoff.OK))) // that one was refused whole
	if recs, errs := readAll(f.data); len(recs) != 2 || errs != nil {
		t.Errorf("%d records, errors %v", len(recs), errs)
	}
}

func BenchmarkEnded(b *testing.B) {
	for _, mode := range []SyncMode{SyncGroup, SyncOff} {
		b.Run(fmt.Sprint(mode), func(b *testing.B) {
			w := mustCreate(b, newPath(b), Options{Sync: mode})
			e := testEnded(1, cutoff.OK)
			b.ReportAllocs()
			for b.Loop() {
				check(b, w.Ended(e))
			}
		})
	}
}
