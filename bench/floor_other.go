//go:build !linux

package main

func playFloor() {}

func goFloor(name string, _ bool, _ int) subject { return subject{name: name, note: "it is for Linux"} }
