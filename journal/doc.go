// Package journal writes and reads the record of a batch: a file of JSON
// Lines that is only ever appended to, and the source of truth for every
// report and for going on after an interruption. docs/JOURNAL.md is the
// format's public description; a test holds it against this package.
//
// A batch writes one:
//
//	w, err := journal.Create("run.jsonl", journal.Header{Program: "cutoff 1.0", Slots: 4, Limits: limits}, journal.Options{})
//	...
//	err = w.Started(journal.Started{Task: task, Attempt: 1})        // before the work starts
//	err = w.Ended(journal.Ended{Task: task, Result: result})        // before anybody is told
//	err = w.Close()
//
// A later run goes on with it, and learns which tasks need not run again:
//
//	w, state, err := journal.Resume("run.jsonl", journal.Header{Program: "cutoff 1.0", Slots: 4, Limits: limits}, journal.Options{})
//	...
//	done, known := state.Find(task.Identity, task.Occurrence)
//
// And anybody reads it, also while it is being written:
//
//	for rec, err := range journal.Read(file) {
//		var line *journal.LineError
//		if errors.As(err, &line) {
//			continue // one bad line, which says its number and text; the rest is fine
//		}
//		if err != nil {
//			return err // not a journal, too new, or not readable
//		}
//		switch rec := rec.(type) {
//		case *journal.Header: // always the first record; again wherever a later run goes on
//		case *journal.Started:
//		case *journal.Ended:
//		}
//	}
package journal
