package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
)

const runExamples = `  cutoff run 5.01 ./solve problem.cnf      TERM after 5.01 s, to all it started
  cutoff run -k 2 1m make test             and KILL if that did not help for 2 s
  cutoff run -s INT -p 30m ./train         INT instead; its own exit status
  cutoff run --idle 90 1h ./crawl          no output for 90 s is the end, too
  cutoff run --cpu 60 --memory 2G 5m ./solve     processor time and memory
  cutoff run --output 10M 1h ./verbose     and no more output than this
  cutoff run --nice 10 --cpus 0,2-3 1h make      behind all others, on three CPUs
  cutoff run --json /dev/fd/3 9 cmd 3>how  how it ended, for programs`

// printHelp writes the help text.
func (o *runOptions) printHelp(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, `Usage: %s [OPTION]... DURATION COMMAND [ARG]...
Start COMMAND, and stop it with all it started if it still runs after DURATION.

Options stand before DURATION:
`, o.invoked)
	for i := range runOptionTable {
		opt := &runOptionTable[i]
		if opt.short == 'h' && o.program == "timeout" {
			fmt.Fprintf(&b, "      --%s\n", opt.long)
		} else {
			fmt.Fprintf(&b, "  %s\n", opt.usage())
		}
		fmt.Fprintf(&b, "         %s\n", strings.ReplaceAll(opt.help, "\n", "\n         "))
	}
	leftovers := "killed (--leftovers kill)"
	if o.program == "timeout" {
		leftovers = "left alone (--leftovers leave)"
	}
	fmt.Fprintf(&b, `
DURATION is a number with an optional unit: s for seconds (the default), m for
minutes, h for hours, d for days: 5.01, .5m, 1e3. 0 means no limit.%s

When the limit passes, COMMAND gets TERM, or the signal that --signal names. A
command that ignores it goes on until --kill-after kills it. As soon as COMMAND
has ended after a signal, all it started is killed, however far it detached
itself; what it leaves behind when it ends by itself is %s.
On a terminal, Ctrl-Z stops COMMAND and its clock, and fg continues both.

Exit status:
  124  COMMAND was cut off, and there is no --preserve-status
  125  %s itself failed
  126  COMMAND was found and could not be run
  127  COMMAND was not found
  137  COMMAND was killed (signal 9, KILL)
  else the exit status of COMMAND; the signal that ended it ends %[3]s too

Examples:
%[4]s
`, o.goDurations(), leftovers, o.invoked, strings.ReplaceAll(runExamples, "cutoff run", o.invoked))
	_, err := io.WriteString(w, b.String())
	return err
}

func (o *runOptions) goDurations() string {
	if o.program == "timeout" {
		return ""
	}
	return "\nGo's notation is understood as well: 500ms, 1m30s."
}

// usage is how the help text names the option.
func (opt *runOption) usage() string {
	s := "    --" + opt.long
	if opt.short != 0 {
		s = fmt.Sprintf("-%c, --%s", opt.short, opt.long)
	}
	if opt.arg != "" {
		s += "=" + opt.arg
	}
	return s
}

func (o *runOptions) printVersion(w io.Writer) error {
	name := "cutoff"
	if o.program == "timeout" {
		name = "timeout (cutoff)"
	}
	_, err := fmt.Fprintf(w, "%s %s\n", name, version())
	return err
}

// completeRun completes options, and leaves the rest to the shell: the command
// and its files.
func completeRun(_ *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
	o := runOptions{duration: parseDuration}
	if rest, err := o.parseOptions(args); err != nil || len(rest) > 0 || !strings.HasPrefix(word, "-") {
		return nil, cobra.ShellCompDirectiveDefault
	}
	var words []string
	for i := range runOptionTable {
		opt := &runOptionTable[i]
		name := "--" + opt.long
		if opt.arg != "" {
			name += "="
		}
		first, _, _ := strings.Cut(opt.help, "\n")
		words = append(words, name+"\t"+first)
	}
	return words, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}
