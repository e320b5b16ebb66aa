package stack

import (
	"path"
	"strings"
)

// Where names the place where the first goroutine of a text is: its innermost
// function that belongs neither to the runtime nor to the standard library,
// without the directory of its package: "regexp2.(*runner).execute". If there
// is none it is the innermost function that does not merely wait. Of a table of
// processes it is the name of the busiest, and what that waits for. It is empty
// for any other text.
func Where(text string) string {
	if strings.HasPrefix(text, tableHead) {
		return busiest(text)
	}
	all := parse(text)
	if len(all) == 0 {
		return ""
	}
	standard := ""
	for _, f := range all[0].frames {
		switch {
		case f.fn == "" || f.isRuntime() || f.isOurs() || f.isCreator():
		case !f.isStandard():
			return shorten(f.fn)
		case standard == "" && !waits(f.fn):
			standard = shorten(f.fn)
		}
	}
	return standard
}

// tableHead begins a table of processes: see proc.Snapshot.
const tableHead = "     PID STATE "

// busiest names the process that the table marks: "sleep (clock_nanosleep)".
// Of a path only the last element counts.
func busiest(table string) string {
	_, line, ok := strings.Cut(table, "\n*")
	if !ok {
		return ""
	}
	line, _, _ = strings.Cut(line, "\n")
	f := strings.Fields(line) // pid, state, time, wait, command
	if len(f) < 5 {
		return ""
	}
	name := path.Base(f[4])
	switch state, wait := f[1], f[3]; {
	case state == "T" || state == "t":
		return name + " (stopped)"
	case state == "Z":
		return name + " (dead, not waited for)"
	case wait != "-":
		return name + " (" + wait + ")"
	}
	return name
}

// isStandard reports whether the frame belongs to the standard library: the
// path of its package has no host in it, and its file is where the library's
// are, or, in a program that was built with -trimpath, named as they are.
func (f frame) isStandard() bool {
	pkg := packageOf(f.fn)
	if first, _, _ := strings.Cut(pkg, "/"); pkg == "main" || strings.Contains(first, ".") {
		return false
	}
	dir := path.Dir(strings.ReplaceAll(f.file, `\`, "/"))
	for _, home := range []string{pkg, "runtime"} { // which implements functions of others, too
		if dir == home || strings.HasSuffix(dir, "/src/"+home) {
			return true
		}
	}
	return false
}

// packageOf returns the import path in a function's full name.
func packageOf(fn string) string {
	dir := strings.LastIndexByte(beforeBrackets(fn), '/') + 1
	name, _, _ := strings.Cut(fn[dir:], ".")
	return fn[:dir] + name
}

// beforeBrackets cuts off type arguments, which may hold paths and points.
func beforeBrackets(fn string) string {
	fn, _, _ = strings.Cut(fn, "[")
	return fn
}

// waits reports whether the function belongs to a package that others call in
// order to wait.
func waits(fn string) bool {
	switch pkg := packageOf(fn); pkg {
	case "sync", "time", "syscall", "os", "runtime":
		return true
	default:
		return strings.HasPrefix(pkg, "internal/")
	}
}

// shorten drops the directory of the package, but keeps what a major version
// needs to mean something: "yaml/v3.Unmarshal". The linker writes a point in
// the last element of a path as %2e.
func shorten(fn string) string {
	dir := strings.LastIndexByte(beforeBrackets(fn), '/')
	name := fn[dir+1:]
	if last, _, _ := strings.Cut(name, "."); dir > 0 && isMajor(last) {
		name = path.Base(fn[:dir]) + "/" + name
	}
	return strings.ReplaceAll(name, "%2e", ".")
}

// isMajor reports whether the element of a path is a major version: "v2".
func isMajor(s string) bool {
	return len(s) > 1 && s[0] == 'v' && strings.Trim(s[1:], "0123456789") == ""
}
