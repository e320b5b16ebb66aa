//go:build !linux

package worker

import (
	"errors"
	"os"
	"sync/atomic"
	"time"
)

// There is no page here: all goes over the pipes.

const forever time.Duration = -1

func makePage() (*page, *os.File, error) { return nil, nil, errors.ErrUnsupported }

func openPage(int, uint64) *page { return nil }

func (p *page) unmap() {}

func giveBack([]byte) {}

func sleepPage(*atomic.Uint32, uint32, time.Duration) bool { return true }

func wakePage(*atomic.Uint32) {}

type epoch struct {
	at   time.Time
	mono int64
}

func newEpoch() epoch { return epoch{at: time.Now()} }

type openFile struct{}

func (openFile) isOpen() bool { return true }
