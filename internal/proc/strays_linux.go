package proc

import "sync"

// strays are the trees at the sweep level that were let go while something of
// them lived. Their members may be this program's children, because it adopts
// orphans; somebody has to reap them when they end.
var strays straysHold

type straysHold struct {
	mu    sync.Mutex
	trees []*sweepHold
}

// add takes in a tree that was let go.
func (s *straysHold) add(h *sweepHold) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trees = append(s.trees, h)
}

// reap reaps those that have ended. It is called where the process table is
// looked at anyway, so that no goroutine has to wait for daemons.
func (s *straysHold) reap() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.trees) == 0 {
		return
	}
	still := map[*sweepHold]bool{}
	reapAdopted(0, func(st stat) bool {
		ours := false
		for _, h := range s.trees {
			if h.known[st.pid] == st.start || h.mark.on(st.pid) {
				ours = true
				still[h] = still[h] || !st.dead()
			}
		}
		return ours
	})
	kept := s.trees[:0]
	for _, h := range s.trees {
		if still[h] {
			kept = append(kept, h)
		}
	}
	clear(s.trees[len(kept):])
	s.trees = kept
}
