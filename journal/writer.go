package journal

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"
)

// SyncMode says when records are forced to the disk. A record that Started or
// Ended has accepted survives the death of the program in every mode; the mode
// is about the death of the machine.
type SyncMode string

// The modes.
const (
	SyncGroup  SyncMode = "group"  // within Options.Window, many records at a time
	SyncAlways SyncMode = "always" // before Started or Ended returns
	SyncOff    SyncMode = "off"    // when the system likes
)

// DefaultWindow is the window of SyncGroup where Options name none.
const DefaultWindow = time.Second

// Options of a Writer. The zero value syncs in groups within a second.
type Options struct {
	// Sync is when records reach the disk. Empty means SyncGroup.
	Sync SyncMode
	// Window is how long SyncGroup may leave a record unsynced. Zero means
	// DefaultWindow.
	Window time.Duration
}

// What Create and Append refuse, for errors.Is. The errors name the file and
// say what to do.
var (
	// ErrExists: the file already holds a journal. It matches fs.ErrExist.
	ErrExists = fmt.Errorf("already holds a journal: %w", fs.ErrExist)
	// ErrNotJournal: the file is no journal. Read returns it too.
	ErrNotJournal = errors.New("not a journal")
	// ErrLocked: another process is writing the journal.
	ErrLocked = errors.New("another process is writing this journal")
)

// maxLine bounds a record, so that a reader's memory is bounded too. The
// system's own bound on a command line stays far below it.
const maxLine = 16 << 20

// Writer appends records to a journal. It may be used by several goroutines.
//
// Each record is one write. If one fails (the disk is full, say), the part
// that was written is taken away again, and the Writer returns the same error
// for every later record and from Close: a journal never has a silent gap.
type Writer struct {
	path    string
	regular bool // a file, and not a pipe or a device, which cannot sync
	opts    Options

	mu      sync.Mutex
	f       file
	size    int64 // of all whole records, when regular
	err     error // the first failure; final
	closed  bool
	pending bool           // a group sync is under way or due
	timer   *time.Timer    // runs it
	syncing sync.WaitGroup // counts it
}

// file is what a Writer needs of an *os.File; tests put failing ones here.
type file interface {
	io.WriteCloser
	Sync() error
	Truncate(size int64) error
}

// Create starts a journal in a new or empty file and writes h. A file that
// holds anything is left untouched: the error matches ErrExists or
// ErrNotJournal. The file stays locked until Close, where the system has
// locks; ErrLocked says that somebody else is writing it. A pipe or device is
// written as it is.
func Create(path string, h Header, opts Options) (*Writer, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o666)
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	return open(f, path, h, opts, checkEmpty)
}

// Append goes on with an existing journal: it writes h as the header of a
// further run. A file that does not begin with a header that this package can
// read is left untouched, and the error matches ErrNotJournal or is a
// *VersionError. A torn last line stays, as a line of its own.
//
// To go on with the tasks too, use [Resume].
func Append(path string, h Header, opts Options) (*Writer, error) {
	return appendTo(path, h, opts, endTornLine)
}

func appendTo(path string, h Header, opts Options, check checker) (*Writer, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	return open(f, path, h, opts, check)
}

// A checker decides whether a file of a size above 0 may be appended to, and
// says what has to come before the header.
type checker func(path string, size int64) (before string, err error)

// open locks f, checks it and writes the header.
func open(f *os.File, path string, h Header, opts Options, check checker) (w *Writer, err error) {
	defer func() {
		if err != nil {
			_ = f.Close()
			err = named(path, err)
		}
	}()
	if err := opts.fill(); err != nil {
		return nil, err
	}
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	w = &Writer{path: path, regular: st.Mode().IsRegular(), opts: opts, f: f}
	before := ""
	if w.regular {
		if err := lock(f); err != nil {
			return nil, err
		}
		if st, err = f.Stat(); err != nil { // again: now nobody else writes
			return nil, err
		}
		w.size = st.Size()
		if before, err = check(path, w.size); err != nil {
			return nil, err
		}
	}
	h.fill(opts.Sync)
	if opts.Sync == SyncGroup {
		h.SyncWindow = opts.Window
	}
	line, err := encode(&h)
	if err != nil {
		return nil, err
	}
	if err := w.put(append([]byte(before), line...)); err != nil {
		return nil, err
	}
	if w.regular && opts.Sync != SyncOff {
		syncDir(filepath.Dir(path))
	}
	return w, w.sync()
}

// checkEmpty is the check of Create.
func checkEmpty(path string, size int64) (before string, err error) {
	if size == 0 {
		return "", nil
	}
	h, _, err := lookInto(path)
	var newer *VersionError
	switch {
	case err == nil:
		return "", fmt.Errorf("%w, of a run of %s: name another file, or remove this one", ErrExists, h.Time.Local().Format(time.DateTime))
	case errors.As(err, &newer):
		return "", fmt.Errorf("%w, of a newer version: name another file, or remove this one", ErrExists)
	case errors.Is(err, ErrNotJournal):
		return "", fmt.Errorf("%w, and not empty: name another file, or remove this one", ErrNotJournal)
	}
	return "", err
}

// endTornLine is the check of Append.
func endTornLine(path string, _ int64) (before string, err error) {
	_, torn, err := lookInto(path)
	if err == nil && torn {
		before = "\n"
	}
	return before, err
}

// lookInto reads the header of a journal and whether its last line lacks its
// newline.
func lookInto(path string) (h *Header, torn bool, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, false, err
	}
	defer f.Close()
	h, err = newReader(bufio.NewReader(f)).header()
	if err != nil {
		return nil, false, err
	}
	if _, err := f.Seek(-1, io.SeekEnd); err != nil {
		return nil, false, err
	}
	var last [1]byte
	_, err = io.ReadFull(f, last[:])
	return h, last[0] != '\n', err
}

// fill sets defaults and refuses what is no option.
func (o *Options) fill() error {
	if o.Window == 0 {
		o.Window = DefaultWindow
	}
	switch o.Sync {
	case "":
		o.Sync = SyncGroup
	case SyncGroup, SyncAlways, SyncOff:
	default:
		return fmt.Errorf("unknown sync mode %q: use always, group or off", o.Sync)
	}
	if o.Window < 0 {
		return fmt.Errorf("Options.Window is negative (%v)", o.Window)
	}
	return nil
}

// fill sets what the writer knows and completes what the caller left out.
func (h *Header) fill(mode SyncMode) {
	h.Format, h.Major, h.Minor, h.Sync = Format, Major, Minor, mode
	if h.Argv == nil {
		h.Argv = os.Args
	}
	if h.Dir == "" {
		h.Dir, _ = os.Getwd()
	}
	if h.Host == "" {
		h.Host, _ = os.Hostname()
	}
	if h.PID == 0 {
		h.PID = os.Getpid()
	}
	if h.OS == "" {
		h.OS = runtime.GOOS
	}
	if h.Arch == "" {
		h.Arch = runtime.GOARCH
	}
	if h.Cores == 0 {
		h.Cores = runtime.GOMAXPROCS(0)
	}
}

// Started records that an attempt is about to start.
func (w *Writer) Started(r Started) error { return w.append(&r) }

// Ended records how an attempt ended.
func (w *Writer) Ended(r Ended) error { return w.append(&r) }

func (w *Writer) append(r Record) error {
	line, err := encode(r)
	if err != nil {
		return named(w.path, err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return named(w.path, os.ErrClosed)
	}
	return w.write(line)
}

// write appends a line; w.mu is held.
func (w *Writer) write(line []byte) error {
	if w.err != nil {
		return w.err
	}
	if err := w.put(line); err != nil {
		return w.fail(err)
	}
	return w.sync()
}

// put appends whole lines in one write.
func (w *Writer) put(lines []byte) error {
	n, err := w.f.Write(lines)
	if err == nil {
		w.size += int64(n)
		return nil
	}
	if n > 0 && w.regular {
		// Take the torn part away. Where that fails too it stays the last line
		// of the file, since nothing is written after a failure, and a reader
		// tells it for what it is.
		err = errors.Join(err, w.f.Truncate(w.size))
	}
	return err
}

// fail records the first failure.
func (w *Writer) fail(err error) error {
	if w.err == nil {
		w.err = named(w.path, err)
	}
	return w.err
}

// sync does for the record just written what the mode asks for.
func (w *Writer) sync() error {
	switch {
	case !w.regular || w.opts.Sync == SyncOff:
	case w.opts.Sync == SyncAlways:
		if err := w.f.Sync(); err != nil {
			return w.fail(err)
		}
	case !w.pending:
		w.pending = true
		w.syncing.Add(1)
		w.timer = time.AfterFunc(w.opts.Window, w.groupSync)
	}
	return nil
}

// groupSync runs at the end of a window, beside the writes of the next one. A
// failed sync is final: the system has dropped what it could not write.
func (w *Writer) groupSync() {
	defer w.syncing.Done()
	w.mu.Lock()
	w.pending = false // what is written from here on opens a new window
	w.mu.Unlock()
	if err := w.f.Sync(); err != nil {
		w.mu.Lock()
		_ = w.fail(err) // the next record and Close return it
		w.mu.Unlock()
	}
}

// Close syncs what is unsynced, unlocks and closes the file. It returns the
// first failure of the Writer's life. Further calls return the same.
func (w *Writer) Close() error {
	w.mu.Lock()
	if w.closed {
		defer w.mu.Unlock()
		return w.err
	}
	w.closed = true
	due := w.pending && w.timer.Stop()
	w.mu.Unlock()

	if due {
		w.groupSync()
	}
	w.syncing.Wait()
	if err := w.f.Close(); err != nil {
		return w.fail(err)
	}
	return w.err
}

// named puts the file's name into an error that lacks it.
func named(path string, err error) error {
	var has *fs.PathError
	if errors.As(err, &has) {
		return fmt.Errorf("journal: %w", err)
	}
	return fmt.Errorf("journal: %s: %w", path, err)
}

var _ io.Closer = (*Writer)(nil)
