module github.com/cutoff-run/cutoff/examples

go 1.25.0

require (
	github.com/crillab/gophersat v1.4.0
	github.com/dlclark/regexp2 v1.12.0
	github.com/fxamacker/cbor/v2 v2.10.0 // indirect
	github.com/x448/float16 v0.8.4 // indirect
	golang.org/x/sys v0.47.0 // indirect
	rsc.io/pdf v0.1.1
)

require github.com/cutoff-run/cutoff v0.0.0
