// Package sandbox takes from this process, for good, every right on files and the network
// that the embedded engine does not need, with Linux's Landlock.
//
// The engine's own permissions leave holes: a scalar function that reads any file, an
// ATTACH that moves any directory into the store, a function that connects to other
// hosts, and clauses that its client part carries out before any permission is asked. The
// listener refuses all those that are known; the sandbox is the wall behind it, for those
// that are not.
package sandbox

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ErrUnavailable says that the kernel has no Landlock, or one too old to be of use.
var ErrUnavailable = errors.New("no Landlock in this kernel")

// Rules say what stays allowed. Paths that do not exist are left out.
type Rules struct {
	ReadWrite []string // directories in which everything is allowed
	Create    []string // directories in which files may be made, replaced and removed
	Read      []string // files and directories that may be read, and programs in them run
}

// System is what the C library and the engine read of a running system.
func System() []string {
	return []string{
		"/lib", "/lib64", "/usr/lib", "/usr/lib64", "/etc/ld.so.cache",
		"/usr/share/zoneinfo", "/etc/localtime", "/etc/timezone",
		"/etc/hosts", "/etc/host.conf", "/etc/nsswitch.conf", "/etc/resolv.conf",
		"/proc", "/sys", "/dev/null", "/dev/urandom", "/dev/random",
	}
}

// marker in the environment says that this process is already inside.
const marker = "TRESPASS_CLICKHOUSE_SANDBOX"

// Inside says whether Enter has done its work for this process.
func Inside() bool { return os.Getenv(marker) == "1" }

const (
	read   = unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_READ_DIR | unix.LANDLOCK_ACCESS_FS_EXECUTE
	create = unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_MAKE_REG | unix.LANDLOCK_ACCESS_FS_REMOVE_FILE
	// onFiles are the rights a rule on a single file may have.
	onFiles = unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_TRUNCATE
)

// Enter replaces the process by the same program inside the sandbox: the restriction holds
// for one thread and what it starts, and the Go runtime has started threads already. It
// returns only with an error; the process keeps its pid, arguments, environment and open
// files. Call it before anything else, and not when Inside. Outgoing TCP connections are
// forbidden where the kernel can (6.7 and later).
func Enter(r Rules) error {
	version, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		return fmt.Errorf("%w: %w", ErrUnavailable, errno)
	}
	if version < 2 {
		// The first version forbids every rename between directories, which the
		// engine needs for DROP.
		return fmt.Errorf("%w: version %d, want 2", ErrUnavailable, version)
	}
	ruleset, err := makeRuleset(int(version))
	if err != nil {
		return err
	}
	if err := addRules(ruleset, int(version), r); err != nil {
		return err
	}
	runtime.LockOSThread() // never unlocked: exec follows
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("giving up new privileges: %w", err)
	}
	if _, _, errno := unix.Syscall(unix.SYS_LANDLOCK_RESTRICT_SELF, uintptr(ruleset), 0, 0); errno != 0 {
		return fmt.Errorf("entering the sandbox: %w", errno)
	}
	err = unix.Exec("/proc/self/exe", os.Args, append(os.Environ(), marker+"=1"))
	return fmt.Errorf("starting again inside the sandbox: %w", err)
}

// handled are the rights on files that the version knows and that are forbidden unless a
// rule allows them. Truncating came with version 3.
func handled(version int) uint64 {
	rights := uint64(unix.LANDLOCK_ACCESS_FS_REFER<<1 - 1)
	if version >= 3 {
		rights |= unix.LANDLOCK_ACCESS_FS_TRUNCATE
	}
	return rights
}

func makeRuleset(version int) (int, error) {
	attr := unix.LandlockRulesetAttr{Handled_access_fs: handled(version)}
	size := unsafe.Sizeof(attr.Handled_access_fs)
	if version >= 4 {
		attr.Handled_access_net = unix.LANDLOCK_ACCESS_NET_CONNECT_TCP
		size += unsafe.Sizeof(attr.Handled_access_net)
	}
	fd, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), size, 0)
	if errno != 0 {
		return 0, fmt.Errorf("making the sandbox: %w", errno)
	}
	return int(fd), nil
}

func addRules(ruleset, version int, r Rules) error {
	for _, group := range []struct {
		paths  []string
		rights uint64
	}{
		{r.ReadWrite, handled(version)},
		{r.Create, read&^unix.LANDLOCK_ACCESS_FS_EXECUTE | create},
		{append(r.Read, "/proc/self/exe"), read},
		{[]string{"/dev/null"}, unix.LANDLOCK_ACCESS_FS_WRITE_FILE},
	} {
		for _, path := range group.paths {
			if err := allow(ruleset, path, group.rights); err != nil {
				return fmt.Errorf("allowing %s in the sandbox: %w", path, err)
			}
		}
	}
	return nil
}

func allow(ruleset int, path string, rights uint64) error {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	var stat unix.Stat_t
	if err := unix.Fstat(fd, &stat); err != nil {
		return err
	}
	if stat.Mode&unix.S_IFMT != unix.S_IFDIR {
		rights &= onFiles
	}
	attr := unix.LandlockPathBeneathAttr{Allowed_access: rights, Parent_fd: int32(fd)}
	_, _, errno := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(ruleset), unix.LANDLOCK_RULE_PATH_BENEATH,
		uintptr(unsafe.Pointer(&attr)), 0, 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}
