package journal

import (
	"time"

	"github.com/cutoff-run/cutoff"
)

// The version of the format. A reader skips record types and fields that it
// does not know when Minor is above its own, and refuses a Major above its own.
const (
	Format = "cutoff-journal"
	Major  = 1
	Minor  = 0
)

// Record is one line of a journal: a *[Header], a *[Started] or an *[Ended].
// The structs are the lines: what a field means is the same in Go and in the
// file, durations are whole nanoseconds there, and times are UTC.
type Record interface{ kind() string }

// The values of the field "type".
const (
	kindHeader  = "header"
	kindStarted = "started"
	kindEnded   = "ended"
)

func (*Header) kind() string  { return kindHeader }
func (*Started) kind() string { return kindStarted }
func (*Ended) kind() string   { return kindEnded }

// Header opens a journal, and opens again each later run that goes on in the
// same file; the records after it belong to that run.
//
// [Create] and [Append] set Type, Format, Major, Minor, Sync and SyncWindow, and
// fill in what is zero among Time, Argv, Dir, Host, PID, OS, Arch and Cores.
type Header struct {
	Type   string `json:"type"`   // "header"
	Format string `json:"format"` // "cutoff-journal"
	Major  int    `json:"major"`
	Minor  int    `json:"minor"`
	// Time is when the run started.
	Time time.Time `json:"time"`
	// Program is the writing program with its version: "cutoff 1.2.0".
	Program string `json:"program,omitempty"`
	// Argv is the command line of the run, Argv[0] the program. A run that
	// goes on has that of the first, so that each header is enough to go on.
	Argv []string `json:"argv"`
	// ArgvRaw holds the exact bytes of every word of Argv. The writer sets it
	// when a word is not valid UTF-8, which JSON cannot carry, and the reader
	// puts it back into Argv; nobody else needs it.
	ArgvRaw [][]byte `json:"argv_base64,omitempty"`
	// Dir is the absolute working directory of the run.
	Dir string `json:"dir"`
	// Host, PID, OS, Arch and Cores say where it ran. Cores is the number of
	// processors that the run could use.
	Host  string `json:"host"`
	PID   int    `json:"pid"`
	OS    string `json:"os"`
	Arch  string `json:"arch"`
	Cores int    `json:"cores"`
	// Containment names the means that held the tasks: "cgroup", "sweep", ….
	Containment string `json:"containment,omitempty"`
	// Slots is how many tasks ran at a time, to begin with.
	Slots int `json:"slots"`
	// Seed is that of the random order which the tasks were brought into, or
	// zero if they run in the order of the input.
	Seed int64 `json:"seed,omitempty"`
	// Limits are those of every task that does not bring its own.
	Limits cutoff.Limits `json:"limits"`
	// Sync says when records reached the disk: "always", "group" or "off".
	Sync SyncMode `json:"sync"`
	// SyncWindow is within what time they did, with SyncGroup.
	SyncWindow time.Duration `json:"sync_window_ns,omitempty"`
}

// Task says which task a record is about, and which it is among its equals.
type Task struct {
	// Seq is the task's number in this run, from 1 in the order of the input.
	// A later run of an edited list numbers differently: use Identity.
	Seq int64 `json:"seq"`
	// ID is the name the user knows the task by: the input line, or the id
	// that the task list gives.
	ID string `json:"id"`
	// Identity is what [Work.Identity] returns for what runs and its input.
	Identity string `json:"identity"`
	// Occurrence tells tasks with equal Identity apart: 1 for the first in
	// the order of the input, 2 for the second. [Occurrences] counts.
	Occurrence int `json:"occurrence"`
	// Slot is the place it ran in, from 1 to Header.Slots; 0 if it got none.
	Slot int `json:"slot,omitempty"`
	// Exactly one of Argv, Cmd and Func says what ran: the words of a command
	// that ran without a shell, a command line that a shell ran, or the name
	// of a registered function.
	Argv []string `json:"argv,omitempty"`
	Cmd  string   `json:"cmd,omitempty"`
	Func string   `json:"func,omitempty"`
	// ArgvRaw and CmdRaw are to Argv and Cmd what Header.ArgvRaw is to its.
	ArgvRaw [][]byte `json:"argv_base64,omitempty"`
	CmdRaw  []byte   `json:"cmd_base64,omitempty"`
	// Dir is the task's working directory if it is not the run's.
	Dir string `json:"dir,omitempty"`
	// Limits are the attempt's own where they differ from Header.Limits; they
	// replace all of them. Nil if they do not differ.
	Limits *cutoff.Limits `json:"limits,omitempty"`
}

// Started says that an attempt is about to start: it is written first, so
// that after a crash every attempt that may have run is known.
type Started struct {
	Type string `json:"type"` // "started"; set by the writer
	// Time is when the record was made; zero means now.
	Time time.Time `json:"time"`
	Task
	// Attempt counts the runs of the task, from 1.
	Attempt int `json:"attempt"`
}

// Ended says how an attempt ended, or that the task was given up without one
// (outcome notstarted). A task is settled by the one without Retry, unless it
// says that the batch was stopped (canceled, notstarted): see [TaskState].
type Ended struct {
	Type string `json:"type"` // "ended"; set by the writer
	// Time is when the record was made; zero means now.
	Time time.Time `json:"time"`
	Task
	cutoff.Result
	// Error says why in words where the outcome alone does not: the message
	// of the function's error, why a command could not be run or why the task
	// was not started.
	Error string `json:"error,omitempty"`
	// Retry says that the task is not settled: the batch meant to run it
	// again. If nothing follows, the batch was interrupted before it could.
	Retry bool `json:"retry,omitempty"`
}
