module github.com/cutoff-run/cutoff

go 1.25.0

require (
	github.com/fxamacker/cbor/v2 v2.10.0
	github.com/x448/float16 v0.8.4 // indirect
	golang.org/x/sys v0.47.0
)
