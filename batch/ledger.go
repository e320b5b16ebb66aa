package batch

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/cutoff-run/cutoff"
)

// ErrHopeless is why a task does not start that a [Ledger] knows: errors.Is
// finds it in the error of its end.
var ErrHopeless = errors.New("batch: known to be cut off")

// Ledger remembers, from batch to batch, which tasks were cut off, so that a
// later batch does not wait for them again. A task is passed over (its outcome
// is notstarted) as long as
//
//   - the limit that cut it off is set, and not above what it was then;
//   - what it runs and its input are the same, by [journal.Work.Identity];
//   - no file that its command names has another size or time of change: the
//     words of Argv, the words of Cmd, the ID. The program itself is one.
//
// A task that the kernel killed because the machine ran out of memory is not
// remembered: that was not the task's fault.
//
// The file is one of JSON Lines that is only appended to; docs/BATCH.md
// describes it. Batches may share it at the same time, each knows what stood
// there when it was opened. Its methods may be called by several goroutines.
type Ledger struct {
	mu    sync.Mutex
	f     *os.File
	known map[string][]hopeless // by identity
	err   error                 // the first failure to write
}

// hopeless is a line of a ledger: how a task was cut off.
type hopeless struct {
	Time     time.Time      `json:"time"`
	ID       string         `json:"id"`
	Identity string         `json:"identity"`
	Outcome  cutoff.Outcome `json:"outcome"`
	Limits   cutoff.Limits  `json:"limits"`
	// Files is a hash of the names, sizes and times of the files that the
	// command names; empty if it names none.
	Files string `json:"files,omitempty"`
}

// ledgerHeader is the first line of a ledger.
type ledgerHeader struct {
	Type   string `json:"type"`
	Format string `json:"format"`
	Major  int    `json:"major"`
}

var thisLedger = ledgerHeader{Type: "header", Format: "cutoff-ledger", Major: 1}

// OpenLedger reads the ledger at path, or begins one in a new or empty file. A
// file that is no ledger is left untouched.
func OpenLedger(path string) (*Ledger, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o666)
	if err != nil {
		return nil, fmt.Errorf("batch: ledger: %w", err)
	}
	l := &Ledger{f: f, known: map[string][]hopeless{}}
	if err := l.read(); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("batch: ledger: %s: %w", path, err)
	}
	return l, nil
}

// read reads the file to its end. Lines that it does not understand, such as a
// torn one, cost no more than a task that runs again.
func (l *Ledger) read() error {
	r := bufio.NewReader(l.f)
	first, err := r.ReadBytes('\n')
	if err == io.EOF && len(first) == 0 {
		return l.write(thisLedger)
	}
	var h ledgerHeader
	if json.Unmarshal(first, &h) != nil || h.Format != thisLedger.Format {
		return errors.New("not a ledger: name another file")
	}
	if h.Major != thisLedger.Major {
		return fmt.Errorf("a ledger of format %d, and this program knows %d: use a newer one", h.Major, thisLedger.Major)
	}
	line := first
	for err == nil {
		line, err = r.ReadBytes('\n')
		var e hopeless
		if json.Unmarshal(line, &e) == nil && e.Identity != "" {
			l.known[e.Identity] = append(l.known[e.Identity], e)
		}
	}
	if err != io.EOF {
		return err
	}
	if len(line) > 0 { // the last line has no end
		_, err = l.f.WriteString("\n")
		return err
	}
	return nil
}

// write appends a line, with one write.
func (l *Ledger) write(v any) error {
	line, err := json.Marshal(v)
	if err == nil {
		_, err = l.f.Write(append(line, '\n'))
	}
	return err
}

// Close closes the file. It returns the first failure to write to it: what
// came after that is not remembered.
func (l *Ledger) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return errors.Join(l.err, l.f.Close())
}

// check returns an error that matches ErrHopeless if the task would be cut off
// under these limits. A nil Ledger knows of none.
func (l *Ledger) check(t *Task, identity string, limits cutoff.Limits) error {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.known[identity] {
		if e.covers(limits) && e.Files == filesOf(t) {
			return &hopelessError{e.Outcome, limits}
		}
	}
	return nil
}

// covers reports whether an attempt under these limits would end as this one:
// its limit is not above what was too little.
func (e *hopeless) covers(limits cutoff.Limits) bool {
	limit := limitOf(limits, e.Outcome)
	return limit > 0 && limit <= limitOf(e.Limits, e.Outcome)
}

// note remembers an attempt that was cut off.
func (l *Ledger) note(t *Task, identity string, limits cutoff.Limits, res cutoff.Result) {
	if l == nil || !res.Outcome.CutOff() || limitOf(limits, res.Outcome) == 0 || res.MemoryBy == cutoff.ByMachine {
		return
	}
	if l.check(t, identity, limits) != nil {
		return
	}
	e := hopeless{Time: time.Now().UTC(), ID: t.ID, Identity: identity, Outcome: res.Outcome, Limits: limits, Files: filesOf(t)}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.known[identity] = append(l.known[identity], e)
	if err := l.write(e); err != nil && l.err == nil {
		l.err = fmt.Errorf("batch: ledger: %w", err)
	}
}

// limitOf returns the limit that an outcome is about, zero if it has none.
func limitOf(l cutoff.Limits, o cutoff.Outcome) int64 {
	switch o {
	case cutoff.Timeout:
		return int64(l.Timeout)
	case cutoff.CPU:
		return int64(l.CPU)
	case cutoff.Idle:
		return int64(l.Idle)
	case cutoff.Memory:
		return l.Memory
	case cutoff.Output:
		return l.Output
	}
	return 0
}

// hopelessError says what is known of a task.
type hopelessError struct {
	outcome cutoff.Outcome
	limits  cutoff.Limits
}

func (e *hopelessError) Error() string {
	switch e.outcome {
	case cutoff.CPU:
		return fmt.Sprintf("known to use more than %v of processor time", e.limits.CPU)
	case cutoff.Idle:
		return fmt.Sprintf("known to be silent for more than %v", e.limits.Idle)
	case cutoff.Memory:
		return fmt.Sprintf("known to need more than %d bytes of memory", e.limits.Memory)
	case cutoff.Output:
		return fmt.Sprintf("known to write more than %d bytes", e.limits.Output)
	}
	return fmt.Sprintf("known not to end within %v", e.limits.Timeout)
}

func (e *hopelessError) Is(target error) bool { return target == ErrHopeless }

// filesOf returns a hash of the files that a task names, as they are now;
// empty if it names none.
func filesOf(t *Task) string {
	words := append([]string{t.ID}, t.Argv...)
	if t.Cmd != "" {
		words = append(words, strings.FieldsFunc(t.Cmd, betweenWords)...)
	}
	var b bytes.Buffer
	for i, w := range words {
		name := w
		if i == 1 && t.Cmd == "" && filepath.Base(w) == w { // the program
			if found, err := exec.LookPath(w); err == nil {
				name = found
			}
		}
		if !filepath.IsAbs(name) {
			name = filepath.Join(t.Dir, name)
		}
		if st, err := os.Stat(name); err == nil && st.Mode().IsRegular() {
			fmt.Fprintf(&b, "%q %d %d\n", w, st.Size(), st.ModTime().UnixNano())
		}
	}
	if b.Len() == 0 {
		return ""
	}
	sum := sha256.Sum256(b.Bytes())
	return hex.EncodeToString(sum[:16])
}

// betweenWords reports whether a character of a shell's command line ends a
// word. A name with such a character in it is found by the ID alone.
func betweenWords(r rune) bool { return strings.ContainsRune(" \t\n'\"`;|&<>()=$", r) }
