package report

import (
	"io"

	"github.com/cutoff-run/cutoff/cmd/cutoff/internal/advise"
)

// adviceView says which limit would have been the best, and why.
type adviceView struct {
	Verdict string
	Columns []string
	Rows    []advise.Row
	Notes   []string
}

// writePage writes the page with the advice, for which the journal is read once
// more.
func writePage(w io.Writer, d *detail, journal io.ReadSeeker) error {
	if err := rewind(journal); err != nil {
		return err
	}
	a, err := advise.Read(journal, advise.Options{})
	if err != nil {
		return err
	}
	return writeHTML(w, d, &adviceView{a.Verdict(), advise.Columns, a.Rows(), a.Notes()})
}
