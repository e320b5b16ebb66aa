package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cutoff-run/cutoff"
)

// junitMaxText bounds an output or a stack in the XML: a report of tests is
// kept in memory by what reads it.
const junitMaxText = 16 << 10

// writeJUnit writes a test case for each task. It is not this program's
// victims who write it, so a task that was cut off cannot look passed:
//
//	ok                       a test case without more
//	failed                   <failure type="failed">
//	cut off                  <error type="timeout">, "cpu", "memory", "idle", "output"
//	crashed, canceled        <error type="crashed">, <error type="canceled">
//	without an end           <error type="unfinished">
//	could not start          <error type="notstarted">
//	never started            <skipped>
//
// Earlier attempts of a task are in the words of Maven Surefire: <flakyError>
// and <flakyFailure> if the last one is ok, <rerunError> and <rerunFailure> if
// it is not.
func writeJUnit(w io.Writer, journal io.ReadSeeker) (Damage, error) {
	s, err := Collect(journal) // the counts stand first in the file
	if err != nil {
		return Damage{}, err
	}
	if err := rewind(journal); err != nil {
		return s.Damage, err
	}
	j := &junit{printer: printer{w: w}, s: s, earlier: map[taskKey]*retried{}}
	j.open()
	if _, err := eachAttempt(journal, j.attempt); err != nil {
		return s.Damage, err
	}
	j.leftovers()
	j.printf("  </testsuite>\n</testsuites>\n")
	return s.Damage, j.err
}

type junit struct {
	printer
	s       *Summary
	earlier map[taskKey]*retried // tasks that have another attempt before them
}

// retried is a task that is not settled yet.
type retried struct {
	seq      int64
	run      int
	name     string
	function string
	verdicts []verdict
}

// verdict is how JUnit sees an attempt.
type verdict struct {
	element string // "", "failure", "error" or "skipped"
	kind    string // its type
	message string
	wall    time.Duration
}

func (j *junit) open() {
	s := j.s
	failed := s.count(classFailed) - s.crashed
	failedElse := s.count(classCutOff) + s.crashed + s.count(classCanceled) + s.count(classNoEnd) + s.unable
	counts := fmt.Sprintf(`tests="%d" failures="%d" errors="%d" time=%q`, s.Tasks(), failed, failedElse, seconds(s.Elapsed))
	j.printf("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"cutoff\" %s>\n", counts)
	j.printf("  <testsuite name=\"cutoff batch\" %s skipped=\"%d\" timestamp=\"%s\" hostname=\"", counts, s.count(classNotStarted)-s.unable, s.Header.Time.UTC().Format("2006-01-02T15:04:05"))
	j.text(escapeLine(s.Header.Host))
	j.printf("\">\n    <properties>\n")
	j.property("verdict", s.Verdict())
	j.property("command", commandLine(s.Header.Argv))
	j.property("directory", s.Header.Dir)
	j.property("timeout_ns", decimal(int64(s.Header.Limits.Timeout)))
	j.printf("    </properties>\n")
}

func (j *junit) property(name, value string) {
	j.printf("      <property name=\"%s\" value=\"", name)
	j.text(escapeLine(value))
	j.printf("\"/>\n")
}

func (j *junit) attempt(a *attempt) error {
	v := verdictOf(a)
	key := keyOf(&a.Task)
	t := j.earlier[key]
	if t == nil {
		t = &retried{name: escapeLine(nameOf(&a.Task)), function: escapeLine(a.Func)}
	}
	if a.ended && a.Retry {
		t.run, t.seq, t.verdicts = a.run, a.Seq, append(t.verdicts, v)
		j.earlier[key] = t
		return nil
	}
	delete(j.earlier, key)
	if j.superseded(a) {
		return nil
	}
	j.testcase(t, v, shellLine(&a.Task), a.Stack, a.Result.Output)
	return j.err
}

// leftovers are tasks whose next attempt never came.
func (j *junit) leftovers() {
	var left []*retried
	for _, t := range j.earlier {
		if t.run == j.s.runs {
			left = append(left, t)
		}
	}
	slices.SortFunc(left, func(a, b *retried) int { return cmp.Compare(a.seq, b.seq) })
	for _, t := range left {
		j.testcase(t, verdict{element: "error", kind: "unfinished", message: "was to run again, and did not"}, "", "", "")
	}
}

// superseded says that an earlier run left the task to a later one.
func (j *junit) superseded(a *attempt) bool {
	c := a.class()
	return a.run < j.s.runs && (c == classCanceled || c == classNotStarted || c == classNoEnd)
}

func verdictOf(a *attempt) verdict {
	v := verdict{wall: a.Wall, kind: string(a.Outcome), message: reasonOf(a)}
	switch a.class() {
	case classOK:
		return verdict{wall: a.Wall}
	case classNoEnd:
		v.element, v.kind = "error", "unfinished"
	case classNotStarted:
		v.element = "skipped"
		if ran(&a.Ended) {
			v.element = "error"
		}
	case classFailed:
		v.element = "failure"
		if a.Outcome == cutoff.Crashed {
			v.element = "error"
		}
	default:
		v.element = "error"
	}
	return v
}

func (j *junit) testcase(t *retried, v verdict, command, stack, output string) {
	class := "cutoff"
	if t.function != "" {
		class = t.function
	}
	j.printf("    <testcase name=\"")
	j.text(t.name)
	j.printf("\" classname=\"")
	j.text(class)
	j.printf("\" time=\"%s\">\n", seconds(v.wall))
	if v.element != "" {
		j.problem(v.element, v, command, stack)
	}
	prefix := "rerun"
	if v.element == "" {
		prefix = "flaky"
	}
	for _, e := range t.verdicts {
		j.problem(prefix+strings.ToUpper(e.element[:1])+e.element[1:], e, "", "")
	}
	if output != "" {
		j.printf("      <system-out>")
		j.text(escapeLines(ends(output, junitMaxText)))
		j.printf("</system-out>\n")
	}
	j.printf("    </testcase>\n")
}

// problem writes one element with a message, and a body if there is one.
func (j *junit) problem(element string, v verdict, command, stack string) {
	j.printf("      <%s", element)
	if element != "skipped" {
		j.printf(" type=\"")
		j.text(escapeLine(v.kind))
		j.printf("\"")
	}
	j.printf(" message=\"")
	j.text(escapeLine(v.message))
	j.printf("\">")
	var body []string
	if command != "" {
		body = append(body, "to run it again: "+command)
	}
	if stack != "" {
		body = append(body, escapeLines(ends(stack, junitMaxText)))
	}
	j.text(strings.Join(body, "\n\n"))
	j.printf("</%s>\n", element)
}

// seconds writes a duration in seconds with all its digits.
func seconds(d time.Duration) string {
	s := strconv.FormatInt(int64(d/time.Second), 10)
	if frac := d % time.Second; frac != 0 {
		s += "." + strings.TrimRight(fmt.Sprintf("%09d", frac), "0")
	}
	return s
}
