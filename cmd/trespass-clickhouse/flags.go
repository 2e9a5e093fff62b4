//go:build linux && amd64

package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// config is what the command line asks for.
type config struct {
	data          string
	library       string
	listen        string
	passwordFile  string
	readyFile     string
	database      string
	memoryBytes   int64
	parentPID     int
	stopWithStdin bool
	verbose       bool
}

const about = `A ClickHouse for one machine: the engine as a library behind ClickHouse's HTTP
interface on loopback. trespass starts it for the address embedded:DIR; by hand, for
curl, Grafana or another client:

  trespass-clickhouse --data DIR --listen 127.0.0.1:8123
  curl -u "default:$(cat DIR/password)" http://127.0.0.1:8123/ -d 'SHOW TABLES'

Exit codes: 0 stopped as asked, 2 could not do its work, 64 wrong flags, 78 wrong
configuration (directory, library, machine).

Flags:
`

var databaseName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,62}$`)

// parseFlags reads the command line. Help and errors go to out.
func parseFlags(args []string, out io.Writer) (config, error) {
	var c config
	memory := "1500MB"
	f := flag.NewFlagSet("trespass-clickhouse", flag.ContinueOnError)
	f.SetOutput(out)
	f.Usage = func() {
		fmt.Fprint(out, about)
		f.PrintDefaults()
	}
	f.StringVar(&c.data, "data", "", "data `directory`, made if missing (required)")
	f.StringVar(&c.library, "lib", "", "`path` of libchdb.so (default: $TRESPASS_LIBCHDB, beside this program, or .dev/clickhouse/libchdb.so)")
	f.StringVar(&c.listen, "listen", "127.0.0.1:0", "loopback `address` to answer on; port 0 takes a free one")
	f.StringVar(&c.passwordFile, "password-file", "", "`file` with the password of the user default, made if missing (default DIR/password)")
	f.StringVar(&memory, "memory", memory, "memory `limit` of the engine, with unit MB or GB")
	f.StringVar(&c.readyFile, "ready-file", "", "`file` to write address and pid to, as JSON, once requests are answered")
	f.StringVar(&c.database, "database", "trespass", "`name` of the only database")
	f.IntVar(&c.parentPID, "parent-pid", 0, "stop when the process with this `pid` ends")
	f.BoolVar(&c.stopWithStdin, "stop-with-stdin", false, "stop when standard input is closed")
	f.BoolVar(&c.verbose, "verbose", false, "log every request (never its SQL)")
	if err := f.Parse(args); err != nil {
		return c, err
	}
	var wrong []error
	if f.NArg() > 0 {
		wrong = append(wrong, fmt.Errorf("unexpected argument %q", f.Arg(0)))
	}
	if c.data == "" {
		wrong = append(wrong, errors.New("--data DIR is required: the directory the engine keeps its tables in"))
	}
	if !databaseName.MatchString(c.database) || c.database == "default" || c.database == "system" {
		wrong = append(wrong, fmt.Errorf("--database %q: want letters, digits and _, and not default or system", c.database))
	}
	var err error
	if c.memoryBytes, err = parseBytes(memory); err != nil {
		wrong = append(wrong, fmt.Errorf("--memory %q: %w", memory, err))
	}
	if err := checkListen(c.listen); err != nil {
		wrong = append(wrong, fmt.Errorf("--listen %q: %w", c.listen, err))
	}
	if c.parentPID < 0 {
		wrong = append(wrong, fmt.Errorf("--parent-pid %d: want a process id", c.parentPID))
	}
	if len(wrong) > 0 {
		return c, errors.Join(wrong...)
	}
	return c, c.absolute()
}

// absolute makes the paths independent of the working directory.
func (c *config) absolute() error {
	for _, p := range []*string{&c.data, &c.library, &c.passwordFile, &c.readyFile} {
		if *p == "" {
			continue
		}
		abs, err := filepath.Abs(*p)
		if err != nil {
			return fmt.Errorf("path %s: %w", *p, err)
		}
		*p = abs
	}
	if c.passwordFile == "" {
		c.passwordFile = filepath.Join(c.data, "password")
	}
	return nil
}

// checkListen accepts loopback addresses only: the one password opens everything and
// travels in clear.
func checkListen(address string) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return errors.New("want host:port, for example 127.0.0.1:8123")
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Errorf("port %q is no number from 0 to 65535", port)
	} else if n > 0 && n < 1024 && os.Geteuid() != 0 {
		return fmt.Errorf("port %d needs root", n)
	}
	if ip, err := netip.ParseAddr(host); err != nil || !ip.IsLoopback() {
		return errors.New("only loopback addresses (127.0.0.1, ::1): anybody who reaches the port and knows the password owns the data; for other machines run a ClickHouse server")
	}
	return nil
}

// minMemory is what the engine needs to start and merge at all.
const minMemory = 300 << 20

func parseBytes(text string) (int64, error) {
	units := []struct {
		suffix string
		factor int64
	}{{"MB", 1 << 20}, {"GB", 1 << 30}}
	for _, u := range units {
		digits, ok := strings.CutSuffix(strings.ToUpper(text), u.suffix)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 32)
		if err != nil || n <= 0 {
			break
		}
		if n*u.factor < minMemory {
			return 0, errors.New("less than 300MB: the engine would refuse its own work")
		}
		return n * u.factor, nil
	}
	return 0, errors.New("want a number with MB or GB, for example 1500MB")
}
