// Package stack reads the text in which the Go runtime prints goroutines, and
// makes of it what a reader wants to see of a call that was cut off: where its
// own function was, then what that function had started, and nothing of the
// worker around it. It knows both forms of the text: that of runtime.Stack,
// and that of a runtime which was told to quit, with the runtime's own frames
// and the registers in it.
package stack

import (
	"strings"
)

// Bound is the length, in bytes, of the longest text of goroutines that is
// kept. What is longer is cut behind a whole goroutine, and says so.
const Bound = 64 << 10

// cutLine stands where goroutines are missing.
const cutLine = "(further goroutines are left out)\n"

// A goroutine is one of the text.
type goroutine struct {
	header string // "goroutine 7 [running]:"
	frames []frame
}

// A frame is a call of a function, or a remark of the runtime ("...99
// additional frames elided...") where fn is empty.
type frame struct {
	fn   string // "main.(*T).work", without the arguments
	file string // "/home/ada/main.go"
	text string // as it was printed: one line or two
}

// parse takes a text apart. A goroutine that was being printed when the text
// ended may lack its last frames.
func parse(text string) (all []goroutine) {
	var g *goroutine
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		switch {
		case isHeader(line):
			all = append(all, goroutine{header: cleanHeader(line)})
			g = &all[len(all)-1]
		case line == "":
			g = nil // registers may follow, and other things that are none of ours
		case g == nil:
		case strings.HasPrefix(line, "\t") && len(g.frames) > 0:
			f := &g.frames[len(g.frames)-1]
			line, _, _ = strings.Cut(line, " fp=0x")
			f.text += line + "\n"
			f.file = fileOf(line)
		default:
			g.frames = append(g.frames, frame{fn: funcOf(line), text: line + "\n"})
		}
	}
	return all
}

// isHeader recognizes "goroutine 7 gp=0xc000002a80 m=3 mp=0xc000080008 [running, locked to thread]:".
func isHeader(line string) bool {
	return strings.HasPrefix(line, "goroutine ") && strings.HasSuffix(line, "]:") && strings.Contains(line, " [")
}

// cleanHeader drops what only the runtime's authors want to know.
func cleanHeader(line string) string {
	number, state, _ := strings.Cut(line, " [")
	number, _, _ = strings.Cut(number, " gp=")
	return number + " [" + state
}

// createdBy introduces the function that started a goroutine.
const createdBy = "created by "

// funcOf returns the function of a frame's first line: "main.f(0x1, {...})",
// "created by main.g in goroutine 1".
func funcOf(line string) string {
	if rest, ok := strings.CutPrefix(line, createdBy); ok {
		rest, _, _ = strings.Cut(rest, " in goroutine ")
		return rest
	}
	if !strings.HasSuffix(line, ")") || strings.HasPrefix(line, "...") {
		return ""
	}
	// The arguments hold no opening parenthesis; a method's receiver does.
	return line[:max(0, strings.LastIndexByte(line, '('))]
}

// fileOf returns the file of a frame's second line: "\t/dir/file.go:12 +0x1d".
func fileOf(line string) string {
	line, _, _ = strings.Cut(strings.TrimPrefix(line, "\t"), " +0x")
	if i := strings.LastIndexByte(line, ':'); i > 0 {
		line = line[:i]
	}
	return line
}

// isCreator reports whether the frame tells who started the goroutine.
func (f frame) isCreator() bool { return strings.HasPrefix(f.text, createdBy) }

// isRuntime reports whether the frame belongs to the runtime's inside, which
// runtime.Stack does not show either.
func (f frame) isRuntime() bool {
	name, ok := strings.CutPrefix(f.fn, "runtime.")
	return ok && (name == "" || name[0] == '_' || name[0] >= 'a' && name[0] <= 'z') ||
		strings.HasPrefix(f.fn, "internal/runtime/") || strings.HasPrefix(f.fn, "runtime/internal/")
}

// The functions in which the worker calls the user's function, and what else
// of ours may stand in a stack.
const (
	workerPackage = "github.com/cutoff-run/cutoff/internal/worker."
	callFunc      = workerPackage + "(*server).call"
	serveFunc     = workerPackage + "Serve"
	wrapper       = "github.com/cutoff-run/cutoff.Register["
)

// isOurs reports whether the frame belongs to what surrounds the function.
func (f frame) isOurs() bool {
	return strings.HasPrefix(f.fn, workerPackage) || strings.HasPrefix(f.fn, wrapper)
}

// index returns the place of the first frame for which is reports true, or -1.
func (g goroutine) index(is func(frame) bool) int {
	for i, f := range g.frames {
		if is(f) {
			return i
		}
	}
	return -1
}

// isCall reports whether the goroutine runs the call's function.
func (g goroutine) isCall() bool {
	return g.index(func(f frame) bool { return f.fn == callFunc && !f.isCreator() }) >= 0
}

// isMachinery reports whether the goroutine belongs to the worker or to the
// runtime: it is the main one, it was started by the worker, or has nothing
// but the runtime in it.
func (g goroutine) isMachinery() bool {
	return g.index(func(f frame) bool {
		return f.fn == serveFunc || f.isCreator() && strings.HasPrefix(f.fn, workerPackage)
	}) >= 0 || g.index(func(f frame) bool { return !f.isRuntime() }) < 0
}

// trim drops the runtime's frames, and in the call's goroutine also those
// through which the worker came to the function.
func (g *goroutine) trim() {
	end := len(g.frames)
	for i, f := range g.frames {
		if f.fn == callFunc && !f.isCreator() {
			end = i
			break
		}
	}
	if end < len(g.frames) {
		for end > 0 && g.frames[end-1].isOurs() {
			end--
		}
	}
	kept := g.frames[:0]
	for _, f := range g.frames[:end] {
		if !f.isRuntime() || f.isCreator() {
			kept = append(kept, f)
		}
	}
	g.frames = kept
}

// Clean returns the goroutines of the text that are the function's: the one
// that runs it first. It is empty if the text has none of them. With cut, the
// text did not come to its end, and its last goroutine may be lacking frames.
// The result has at most Bound bytes.
func Clean(text string, cut bool) string {
	var own, others []goroutine
	all := parse(text)
	for i, g := range all {
		if i == len(all)-1 && cut && i > 0 && !g.isCall() {
			break
		}
		call := g.isCall()
		if !call && g.isMachinery() {
			continue
		}
		if g.trim(); call {
			own = append(own, g)
		} else {
			others = append(others, g)
		}
	}
	return join(append(own, others...), cut)
}

// join prints goroutines.
func join(all []goroutine, cut bool) string {
	var b strings.Builder
	for _, g := range all {
		text := g.String()
		if b.Len()+len(text)+len("\n"+cutLine) > Bound {
			cut = true
			break
		}
		if b.Len() > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(text)
	}
	if cut && b.Len() > 0 {
		b.WriteString("\n" + cutLine)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// String prints the goroutine as the runtime would.
func (g goroutine) String() string {
	var b strings.Builder
	b.WriteString(g.header + "\n")
	for _, f := range g.frames {
		b.WriteString(f.text)
	}
	return b.String()
}
