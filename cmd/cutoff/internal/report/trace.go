package report

import (
	"fmt"
	"io"
	"time"

	"github.com/cutoff-run/cutoff/journal"
)

// writeTrace writes the JSON form of the Trace Event Format, which Perfetto
// and chrome://tracing open. A run of the journal is a process, a slot is a
// thread, an attempt is a complete event ("X"). How many run at a time is a
// counter ("C"), the end of a journal without ends an instant ("i").
// Times are microseconds since the first header, written with all their
// nanoseconds.
//
// Perfetto drops a complete event that overlaps another of its thread without
// lying inside of it, so what has no slot, or a slot that another has not left
// by the clock, is a pair of asynchronous events ("b", "e"), which may overlap.
func writeTrace(w io.Writer, r io.Reader) (Damage, error) {
	t := &trace{printer: printer{w: w}}
	as := newAttempts(t.attempt)
	t.printf(`{"displayTimeUnit":"ms","traceEvents":[`)
	d, err := scan(r, func(rec journal.Record) error {
		switch rec := rec.(type) {
		case *journal.Header:
			if err := as.record(rec); err != nil {
				return err
			}
			t.header(as.run, rec)
			return t.err
		case *journal.Started:
			t.count(rec.Time, +1)
		case *journal.Ended:
			if ran(rec) {
				t.count(rec.Time, -1)
			}
		}
		return as.record(rec)
	})
	if err == nil {
		err = as.finish()
	}
	if err != nil {
		return d, err
	}
	t.printf("\n]}\n")
	return d, t.err
}

type trace struct {
	printer
	zero    time.Time // of the trace
	last    time.Time // of the records so far
	events  int
	run     int
	running int
	asyncs  int
	slots   map[int]time.Time // when each slot of this run was left
}

// event is one of "traceEvents". The field order is that of the format's
// description.
type event struct {
	Name string  `json:"name"`
	Cat  string  `json:"cat,omitempty"`
	Ph   string  `json:"ph"`
	TS   micros  `json:"ts"`
	Dur  *micros `json:"dur,omitempty"`
	PID  int     `json:"pid"`
	TID  int     `json:"tid"`
	ID   string  `json:"id,omitempty"`
	S    string  `json:"s,omitempty"`
	// CName is a color of chrome://tracing; Perfetto has its own.
	CName string `json:"cname,omitempty"`
	Args  any    `json:"args,omitempty"`
}

// micros is a duration that JSON has in microseconds, exactly.
type micros time.Duration

func (m micros) MarshalJSON() ([]byte, error) {
	sign, n := "", uint64(m)
	if m < 0 {
		sign, n = "-", -n
	}
	return fmt.Appendf(nil, "%s%d.%03d", sign, n/1000, n%1000), nil
}

// traceArgs is what a click on an attempt shows.
type traceArgs struct {
	Outcome  string `json:"outcome"`
	Reason   string `json:"reason,omitempty"`
	Command  string `json:"command,omitempty"`
	Seq      int64  `json:"seq"`
	Attempt  int    `json:"attempt"`
	WallNS   int64  `json:"wall_ns"`
	UserNS   int64  `json:"user_ns"`
	SystemNS int64  `json:"system_ns"`
	MaxRSS   int64  `json:"max_rss_bytes"`
	ExitCode int    `json:"exit_code"`
	Signal   string `json:"signal,omitempty"`
	Timeout  int64  `json:"timeout_ns,omitempty"`
}

func (t *trace) emit(e event) {
	if t.events++; t.events > 1 {
		t.printf(",")
	}
	t.printf("\n")
	t.value(e)
}

func (t *trace) header(run int, h *journal.Header) {
	if run == 1 {
		t.zero = h.Time
	}
	t.run, t.running, t.slots = run, 0, map[int]time.Time{}
	t.last = h.Time
	name := "cutoff batch on " + escapeLine(h.Host)
	if run > 1 {
		name += fmt.Sprintf(", run %d", run)
	}
	t.emit(event{Name: "process_name", Ph: "M", PID: run, Args: map[string]string{"name": name}})
}

// at returns the trace's time of a moment.
func (t *trace) at(m time.Time) micros { return micros(m.Sub(t.zero)) }

// count moves the counter of what runs.
func (t *trace) count(at time.Time, by int) {
	if at.After(t.last) {
		t.last = at
	}
	t.running = max(t.running+by, 0)
	t.emit(event{Name: "running", Ph: "C", TS: t.at(at), PID: t.run, Args: map[string]int{"tasks": t.running}})
}

func (t *trace) attempt(a *attempt) error {
	if a.class() == classNotStarted {
		return t.err
	}
	begin, end := a.start(), a.start().Add(a.Wall)
	if !a.ended && t.last.After(begin) {
		end = t.last
	}
	args := traceArgs{
		Outcome: string(a.Outcome), Reason: escapeLine(reasonOf(a)), Command: shellLine(&a.Task), Seq: a.Seq, Attempt: a.Attempt,
		WallNS: int64(a.Wall), UserNS: int64(a.User), SystemNS: int64(a.System), MaxRSS: a.MaxRSS,
		ExitCode: a.ExitCode, Signal: a.Signal, Timeout: int64(a.limits().Timeout),
	}
	if !a.ended {
		args.Outcome = "unfinished"
	}
	e := event{Name: clean(nameOf(&a.Task)), Cat: args.Outcome, Ph: "X", TS: t.at(begin), PID: t.run, TID: a.Slot, CName: traceColors[a.class()], Args: args}
	if left, seen := t.slots[a.Slot]; a.Slot <= 0 || a.Slot > maxOpen || seen && begin.Before(left) {
		t.asyncs++
		e.Ph, e.ID = "b", fmt.Sprint(t.asyncs)
		t.emit(e)
		t.emit(event{Name: e.Name, Cat: e.Cat, Ph: "e", TS: t.at(end), PID: e.PID, TID: e.TID, ID: e.ID})
		return t.err
	} else if !seen {
		t.emit(event{Name: "thread_name", Ph: "M", PID: t.run, TID: a.Slot, Args: map[string]string{"name": fmt.Sprintf("slot %d", a.Slot)}})
	}
	t.slots[a.Slot] = end
	dur := micros(end.Sub(begin))
	e.Dur = &dur
	t.emit(e)
	return t.err
}

var traceColors = [numClasses]string{
	classOK: "good", classFailed: "terrible", classCanceled: "grey", classCutOff: "bad", classNoEnd: "grey",
}
