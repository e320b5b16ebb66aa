package cli

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"time"

	"github.com/cutoff-run/cutoff/internal/proc"
)

// runOptions is what the command line of run says.
type runOptions struct {
	program  string // what diagnostics begin with: cutoff, or timeout
	invoked  string // what the user typed to get here: "cutoff run", or "timeout"
	duration func(string) (time.Duration, error)

	timeout    time.Duration  // 0 = no limit
	cpu        time.Duration  // 0 = no limit
	memory     int64          // 0 = no limit
	idle       time.Duration  // 0 = no limit
	output     int64          // 0 = no limit
	resources  proc.Resources // what COMMAND gets of the machine
	signal     syscall.Signal // sent when a limit passes
	killAfter  time.Duration  // from the first signal to the kill; 0 = no kill
	foreground bool
	preserve   bool // give the command's status even when it was cut off
	verbose    bool
	json       string    // the file that the Result goes to
	level      levelFlag // what must hold the command's processes together
	leave      bool      // leave alone what a command that ended by itself left behind

	help, version bool

	command []string
}

// runOption is one option. The table of them is all that the parser, the help
// text and the shell completion know.
type runOption struct {
	short byte   // 0 if there is none
	long  string // without its dashes
	arg   string // how the help text calls its argument; "" if it has none
	help  string
	set   func(o *runOptions, arg string) error
}

var runOptionTable = []runOption{
	{0, "cpu", "DURATION", "stop COMMAND too when it and all it started have used\nthis much processor time",
		func(o *runOptions, s string) (err error) { o.cpu, err = parseLimit(s); return err }},
	{0, "containment", "LEVEL", "what must hold COMMAND and all it started together:\nauto (the strongest that can be had), cgroup, pidns, sweep",
		func(o *runOptions, s string) error { return o.level.Set(s) }},
	{0, "cpus", "LIST", "run COMMAND on these processors alone (0,2-3)",
		func(o *runOptions, s string) (err error) { o.resources.CPUs, err = proc.ParseCPUs(s); return err }},
	{'f', "foreground", "", "signal COMMAND alone and not what it started,\nand leave the terminal to it (see docs/RUN.md)",
		func(o *runOptions, _ string) error { o.foreground = true; return nil }},
	{0, "grace", "DURATION", "the same as --kill-after", setKillAfter},
	{0, "idle", "DURATION", "stop COMMAND too when it writes nothing to its standard\noutput and standard error for this long",
		func(o *runOptions, s string) (err error) { o.idle, err = o.duration(s); return err }},
	{0, "json", "FILE", "write how it ended to FILE, as one JSON object;\n/dev/fd/3 is a descriptor that you opened",
		setJSON},
	{'k', "kill-after", "DURATION", "kill COMMAND and all it started if it still runs this\nlong after the first signal", setKillAfter},
	{0, "leftovers", "kill|leave", "what happens to processes that COMMAND leaves behind\nwhen it ends by itself",
		setLeftovers},
	{0, "memory", "SIZE", "kill COMMAND when it and all it started hold more memory\nthan this (512M, 1.5G)",
		func(o *runOptions, s string) (err error) { o.memory, err = parseSize(s); return err }},
	{0, "nice", "N", "add N (-20 to 19) to the niceness of COMMAND and all it\nstarts: the higher, the later they run",
		func(o *runOptions, s string) (err error) { o.resources.Nice, err = parseNice(s); return err }},
	{0, "no-core", "", "what crashes leaves no core file",
		func(o *runOptions, _ string) error { o.resources.NoCore = true; return nil }},
	{0, "nofile", "N", "each process may have N files open",
		func(o *runOptions, s string) (err error) { o.resources.NoFile, err = parseCount(s); return err }},
	{0, "nproc", "N", "COMMAND and all it started are N processes and threads\nat most (without a cgroup for it: all of your user's)",
		func(o *runOptions, s string) (err error) { o.resources.Processes, err = parseCount(s); return err }},
	{0, "output", "SIZE", "stop COMMAND too when it writes more than this to its\nstandard output and standard error",
		func(o *runOptions, s string) (err error) { o.output, err = parseSize(s); return err }},
	{'p', "preserve-status", "", "give COMMAND's own exit status even when it was cut off",
		func(o *runOptions, _ string) error { o.preserve = true; return nil }},
	{'s', "signal", "SIGNAL", "stop with this signal instead of TERM: a name or a number",
		func(o *runOptions, s string) (err error) { o.signal, err = parseSignal(s); return err }},
	{'v', "verbose", "", "say on standard error which signals are sent",
		func(o *runOptions, _ string) error { o.verbose = true; return nil }},
	{'h', "help", "", "show this help", func(o *runOptions, _ string) error { o.help = true; return errEnough }},
	{0, "version", "", "show the version", func(o *runOptions, _ string) error { o.version = true; return errEnough }},
}

// errEnough ends the parsing early: nothing after it on the line counts.
var errEnough = errors.New("enough")

func setKillAfter(o *runOptions, s string) (err error) {
	o.killAfter, err = o.duration(s)
	return err
}

func setJSON(o *runOptions, s string) error {
	if s == "-" || s == "" {
		return fmt.Errorf("--json %s: standard output belongs to the command; name a file, or a descriptor as /dev/fd/3", quote(s))
	}
	o.json = s
	return nil
}

func setLeftovers(o *runOptions, s string) error {
	if s != "kill" && s != "leave" {
		return fmt.Errorf("--leftovers %s: must be 'kill' or 'leave'", quote(s))
	}
	o.leave = s == "leave"
	return nil
}

// parse reads the command line: options up to the first argument that is none,
// the duration, the command. It follows getopt_long: short options in a
// bundle, the argument of an option joined to it or next to it, long options
// cut short where that is unambiguous, and its messages.
func (o *runOptions) parse(args []string) error {
	rest, err := o.parseOptions(args)
	if err == errEnough {
		return nil
	}
	if err != nil {
		return err
	}
	if len(rest) < 2 {
		return errOperands
	}
	if o.timeout, err = o.duration(rest[0]); err != nil {
		return err
	}
	o.command = rest[1:]
	return o.resources.Check()
}

// errOperands has no text of its own: GNU's program says nothing more than
// where help is to be had.
var errOperands = errors.New("")

func (o *runOptions) parseOptions(args []string) (rest []string, err error) {
	for len(args) > 0 {
		arg := args[0]
		switch {
		case arg == "--":
			return args[1:], nil
		case len(arg) < 2 || arg[0] != '-':
			return args, nil
		case strings.HasPrefix(arg, "--"):
			args, err = o.parseLong(arg[2:], args[1:])
		default:
			args, err = o.parseShort(arg[1:], args[1:])
		}
		if err != nil {
			return nil, err
		}
	}
	return args, nil
}

// parseShort reads one bundle of short options; args is what follows it.
func (o *runOptions) parseShort(bundle string, args []string) ([]string, error) {
	for i := 0; i < len(bundle); i++ {
		opt := shortOption(o, bundle[i])
		if opt == nil {
			return nil, fmt.Errorf("invalid option -- '%c'", bundle[i])
		}
		arg := ""
		if opt.arg != "" {
			if arg = bundle[i+1:]; arg == "" {
				if len(args) == 0 {
					return nil, fmt.Errorf("option requires an argument -- '%c'", bundle[i])
				}
				arg, args = args[0], args[1:]
			}
			i = len(bundle)
		}
		if err := opt.set(o, arg); err != nil {
			return nil, err
		}
	}
	return args, nil
}

// parseLong reads one long option; args is what follows it.
func (o *runOptions) parseLong(word string, args []string) ([]string, error) {
	name, arg, joined := strings.Cut(word, "=")
	opt, err := longOption(name, word)
	switch {
	case err != nil:
		return nil, err
	case opt.arg == "" && joined:
		return nil, fmt.Errorf("option '--%s' doesn't allow an argument", opt.long)
	case opt.arg != "" && !joined:
		if len(args) == 0 {
			return nil, fmt.Errorf("option '--%s' requires an argument", opt.long)
		}
		arg, args = args[0], args[1:]
	}
	return args, opt.set(o, arg)
}

func shortOption(o *runOptions, c byte) *runOption {
	if c == 'h' && o.program == "timeout" {
		return nil // GNU's has no such option
	}
	for i := range runOptionTable {
		if opt := &runOptionTable[i]; opt.short == c {
			return opt
		}
	}
	return nil
}

// longOption finds an option by its name or by an unambiguous beginning of it.
// word is what diagnostics show.
func longOption(name, word string) (*runOption, error) {
	var found []*runOption
	for i := range runOptionTable {
		opt := &runOptionTable[i]
		if opt.long == name {
			return opt, nil
		}
		if strings.HasPrefix(opt.long, name) {
			found = append(found, opt)
		}
	}
	switch len(found) {
	case 0:
		return nil, fmt.Errorf("unrecognized option '--%s'", word)
	case 1:
		return found[0], nil
	}
	var names []string
	for _, opt := range found {
		names = append(names, "'--"+opt.long+"'")
	}
	return nil, fmt.Errorf("option '--%s' is ambiguous; possibilities: %s", word, strings.Join(names, " "))
}
