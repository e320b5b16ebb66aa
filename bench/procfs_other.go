//go:build !linux

package main

import "errors"

const noProc = "it is for Linux"

func procStatus(int, string) (float64, error) { return 0, errors.New(noProc) }

func roomForCommands() int { return manyCommands }
