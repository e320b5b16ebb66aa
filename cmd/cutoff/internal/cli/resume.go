package cli

import "github.com/spf13/cobra"

const resumeLong = `Go on with a batch where its journal ends: after a crash, a kill, Ctrl-C.

The command line and the directory are those of the batch, from the journal.
The input is read again: files and values by themselves, lines that came from
standard input have to be given again. The environment is that of now.

A task that has ended is not run again, whatever became of it; see 'cutoff
rerun' for those. Tasks are told by what they run and their input, and equal
ones by their order among themselves, not by their number: a list that was
edited, reordered or made longer never runs a wrong command. What ran when the
batch died runs again, as its next attempt. The records go into the same file.

Exit status: that of 'cutoff batch', for the whole of the batch.`

const resumeExample = `  cutoff resume run.jsonl
  find . -name '*.pdf' | cutoff resume pdf.jsonl
  cutoff resume -n run.jsonl        # what is left to do`

func newResume() *cobra.Command {
	var dry bool
	cmd := &cobra.Command{
		Use:                   "resume JOURNAL",
		Short:                 "Go on with a batch where its journal ends",
		Long:                  resumeLong,
		Example:               resumeExample,
		Args:                  usageArgs(oneJournal),
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			j, err := resumed(args[0], dry)
			if err != nil {
				return err
			}
			return j.o.run(cmd.Context(), j.args)
		},
	}
	cmd.Flags().BoolVarP(&dry, "dry-run", "n", false, "print the commands that are left and run nothing")
	return cmd
}

// resumed returns the batch of a journal, ready to go on in its directory.
func resumed(path string, dry bool) (*recorded, error) {
	path = absolute(path)
	h, err := readHeader(path)
	if err != nil {
		return nil, err
	}
	j, err := recordedBy(path, h)
	if err != nil {
		return nil, err
	}
	j.o.journal, j.o.dryRun = path, dry
	j.o.again.resume, j.o.again.argv = true, h.Argv
	if dry {
		s, err := readState(path)
		if err != nil {
			return nil, err
		}
		j.o.again.filters = append(j.o.again.filters, &filter{state: s, pass: unsettled})
	}
	return j, j.enter()
}
