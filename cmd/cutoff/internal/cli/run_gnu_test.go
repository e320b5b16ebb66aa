package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
)

// gnuTimeout returns the original's path, or "" if it is not here.
var gnuTimeout = sync.OnceValue(func() string {
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) { // ours is there, too
		path := filepath.Join(dir, "timeout")
		out, _ := exec.Command(path, "--version").Output()
		if strings.Contains(string(out), "GNU coreutils") {
			return path
		}
	}
	return ""
})
