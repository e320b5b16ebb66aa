package cli

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"os"
	"os/signal"
	"reflect"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Which signals were ignored when this process was started?
//
// The kernel does not know any more: the Go runtime installed its handlers
// before main. It keeps what it found, but hands it out for SIGHUP and SIGINT
// only. So we look it up where the runtime wrote it down, in its variable
// fwdSig: the address is in the executable's symbol table, the contents are
// read through /proc/self/mem. Whatever does not fit is refused; then, as in
// an executable without symbols, only those signals are known to be ignored
// that the kernel or the runtime tells.

// inheritedIgnored lists what was ignored when we were started.
func inheritedIgnored() (sigs []syscall.Signal) {
	mask := kernelIgnored()
	kept, err := runtimeFound()
	for sig := syscall.Signal(1); sig <= maxSignal; sig++ {
		if mask&(1<<(sig-1)) != 0 || err == nil && kept[sig] {
			sigs = append(sigs, sig)
		}
	}
	return sigs
}

// kernelIgnored is the mask of the signals that are ignored now: those that
// the runtime leaves alone.
func kernelIgnored() uint64 {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(b), "\nSigIgn:\t")
	hex, _, _ := strings.Cut(rest, "\n")
	mask, _ := strconv.ParseUint(hex, 16, 64)
	return mask
}

var errNotThere = errors.New("the runtime's record of signals is not where it was")

// runtimeFound reads which signals were ignored when the runtime started.
func runtimeFound() (ignored [maxSignal + 1]bool, err error) {
	exe, err := mapFile("/proc/self/exe")
	if err != nil {
		return ignored, err
	}
	defer func() { _ = unix.Munmap(exe) }()
	at, err := symbolAddresses(exe, "runtime.fwdSig", "runtime.GC")
	if err != nil {
		return ignored, err
	}
	// Where the program was loaded: one of the two addresses is known.
	moved := uint64(reflect.ValueOf(runtime.GC).Pointer()) - at[1]
	const word = int(unsafe.Sizeof(uintptr(0)))
	raw := make([]byte, word*len(ignored))
	mem, err := os.Open("/proc/self/mem")
	if err != nil {
		return ignored, err
	}
	defer mem.Close()
	if _, err := mem.ReadAt(raw, int64(at[0]+moved)); err != nil {
		return ignored, err
	}
	return parseDispositions(raw, word)
}

// mapFile maps a file: most of it will not be looked at, and the start of every
// command waits for this.
func mapFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	return unix.Mmap(int(f.Fd()), 0, int(st.Size()), unix.PROT_READ, unix.MAP_PRIVATE)
}

// parseDispositions reads one word for each signal: 0 for the default action,
// 1 for ignored. Nothing else survives an exec.
func parseDispositions(raw []byte, word int) (ignored [maxSignal + 1]bool, err error) {
	for sig := range ignored {
		switch cell := raw[sig*word : (sig+1)*word]; {
		case isWord(cell, 1):
			ignored[sig] = true
		case !isWord(cell, 0):
			return ignored, errNotThere
		}
	}
	for _, sig := range []syscall.Signal{syscall.SIGHUP, syscall.SIGINT} {
		if ignored[sig] != signal.Ignored(sig) {
			return ignored, errNotThere
		}
	}
	return ignored, nil
}

func isWord(b []byte, v uint64) bool {
	if len(b) == 4 {
		return uint64(binary.NativeEndian.Uint32(b)) == v
	}
	return binary.NativeEndian.Uint64(b) == v
}

// symbolAddresses looks names up in the symbol table of an executable. It does
// not take the table apart: there are tens of thousands of symbols.
func symbolAddresses(exe []byte, names ...string) ([]uint64, error) {
	f, err := elf.NewFile(bytes.NewReader(exe))
	if err != nil {
		return nil, err
	}
	table := f.SectionByType(elf.SHT_SYMTAB)
	if table == nil || int(table.Link) >= len(f.Sections) {
		return nil, elf.ErrNoSymbols
	}
	symbols, strtab := contents(exe, table), contents(exe, f.Sections[table.Link])
	found := make([]uint64, len(names))
	for i, name := range names {
		at := bytes.Index(strtab, []byte("\x00"+name+"\x00"))
		if at < 0 {
			return nil, elf.ErrNoSymbols
		}
		if found[i] = symbolValue(f, symbols, uint32(at+1)); found[i] == 0 {
			return nil, elf.ErrNoSymbols
		}
	}
	return found, nil
}

// contents is where a section lies in the file, as far as the file goes.
func contents(exe []byte, s *elf.Section) []byte {
	size := uint64(len(exe))
	if s.Flags&elf.SHF_COMPRESSED != 0 || s.Offset > size || s.FileSize > size-s.Offset {
		return nil
	}
	return exe[s.Offset : s.Offset+s.FileSize]
}

// symbolValue returns the value of the symbol whose name stands at that place.
func symbolValue(f *elf.File, symbols []byte, name uint32) uint64 {
	size, value := elf.Sym64Size, 8
	if f.Class == elf.ELFCLASS32 {
		size, value = elf.Sym32Size, 4
	}
	for ; len(symbols) >= size; symbols = symbols[size:] {
		if f.ByteOrder.Uint32(symbols) != name {
			continue
		}
		if size == elf.Sym32Size {
			return uint64(f.ByteOrder.Uint32(symbols[value:]))
		}
		return f.ByteOrder.Uint64(symbols[value:])
	}
	return 0
}
