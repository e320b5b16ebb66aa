// Crash shows failures: what a caller is told when the work dies instead of
// taking too long. Each of these would end a program that called the function
// itself, and recover helps against the first alone.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"strings"
	"sync"

	"github.com/cutoff-run/cutoff"
)

var parse = cutoff.Register("parse", parseDocument)

func parseDocument(_ context.Context, how string) (string, error) {
	switch how {
	case "panics":
		return strings.Fields("a short line")[7], nil
	case "panics in a goroutine":
		go panic("nobody can recover this one")
		select {}
	case "races on a map":
		race()
	case "exits":
		os.Exit(3)
	case "returns an error":
		return "", fmt.Errorf("reading the head: %w", io.ErrUnexpectedEOF)
	}
	return "fine", nil
}

// race writes a map from many goroutines until the runtime notices, which
// ends the process.
func race() {
	m := map[string]int{"counter": 0}
	var writers sync.WaitGroup
	for range 8 {
		writers.Go(func() {
			for {
				m["counter"] = 1
			}
		})
	}
	writers.Wait()
}

func main() {
	cutoff.Init()
	// A dying runtime prints to the program's standard error, if it may.
	pool, err := cutoff.NewPool(cutoff.PoolOptions{Workers: 1, Spares: 1, Stderr: io.Discard})
	if err != nil {
		log.Fatal(err)
	}
	defer pool.Close()
	for _, how := range []string{
		"panics", "works", "panics in a goroutine", "races on a map", "exits", "returns an error", "works",
	} {
		out, err := parse.Call(context.Background(), pool, how)
		fmt.Printf("%s: %s\n", how, tell(out, err))
	}
}

// tell says what became of a call.
func tell(out string, err error) string {
	var crash *cutoff.CrashError
	switch {
	case errors.As(err, &crash):
		return fmt.Sprintf("%v%s", err, where(crash.Result.Stack))
	case errors.Is(err, io.ErrUnexpectedEOF): // the chain comes along
		return fmt.Sprintf("failed: %v", err)
	case err != nil:
		return fmt.Sprintf("%T: %v", err, err)
	}
	return out
}

// where returns the first line of a stack that is in this program.
func where(stack string) string {
	for line := range strings.Lines(stack) {
		if name, ok := strings.CutPrefix(line, "main."); ok {
			function, _, _ := strings.Cut(name, "(")
			return " in " + function
		}
	}
	return ""
}
