package proc

import (
	"errors"
	"os"
	"strings"
)

// namespaceParent is what this program found out about PID namespaces.
type namespaceParent struct{}

func openNamespaces() (*namespaceParent, error) {
	return nil, errors.New("not built")
}

func (n *namespaceParent) start(Spec) (*Tree, error) { return nil, nil }

// namespaceHint looks for the switches that distributions have.
func namespaceHint() string {
	for _, sw := range []struct{ file, off, hint string }{
		{"/proc/sys/kernel/unprivileged_userns_clone", "0", "sysctl -w kernel.unprivileged_userns_clone=1"},
		{"/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1", "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0, or an AppArmor profile for this program with \"userns,\""},
		{"/proc/sys/user/max_user_namespaces", "0", "sysctl -w user.max_user_namespaces=10000"},
		{"/proc/sys/user/max_pid_namespaces", "0", "sysctl -w user.max_pid_namespaces=10000"},
	} {
		if b, err := os.ReadFile(sw.file); err == nil && strings.TrimSpace(string(b)) == sw.off {
			return sw.hint
		}
	}
	return "user namespaces for ordinary users: Linux 5.9 or later, and a container that allows them (its seccomp profile, and no masked /proc)"
}
