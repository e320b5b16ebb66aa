package cli

import "github.com/spf13/cobra"

func newRun() *cobra.Command { return &cobra.Command{Use: "run"} }

// newTimeout is run under the name of the program whose place it takes.
func newTimeout() *cobra.Command { return newRun() }
