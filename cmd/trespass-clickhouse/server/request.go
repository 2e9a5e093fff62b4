//go:build linux && amd64

package server

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/ClickHouse/ch-go/compress"

	"trespass.dev/trespass/cmd/trespass-clickhouse/engine"
	"trespass.dev/trespass/cmd/trespass-clickhouse/statement"
)

// setting is one ClickHouse setting of a request.
type setting struct{ name, value string }

// request is what the URL and headers of one HTTP request ask for. The statement itself
// may still be in the body.
type request struct {
	query    string // the query parameter
	id       string // the query id: the client's, or one of ours
	tag      string // how we find the running statement in the engine; never the client's
	database string
	format   string // for statements without a FORMAT clause
	params   []engine.Param
	settings []setting
	readonly int // 0, 1 or 2, as the setting

	sessionID      string
	sessionTimeout time.Duration
	sessionCheck   bool // the session must exist already

	compress      bool // answer in compressed frames
	method        compress.Method
	decompress    bool // the body is in compressed frames
	waitEnd       bool // hold the answer back until the statement is through
	helloRevision int  // client_protocol_version
}

var settingName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.]*$`)

// parseRequest reads everything but the body and the login. Names that the interface does
// not know are settings.
func parseRequest(r *http.Request, q url.Values) (*request, error) {
	format, err := headerSafe("the format", or(r.Header.Get("X-ClickHouse-Format"), "TabSeparated"))
	if err != nil {
		return nil, badArgument("header X-ClickHouse-Format: %v", err)
	}
	req := &request{
		tag:            "trespass-" + rand.Text(),
		format:         format,
		database:       r.Header.Get("X-ClickHouse-Database"),
		method:         compress.LZ4,
		sessionTimeout: defaultSessionTimeout,
	}
	names := make([]string, 0, len(q))
	for name := range q {
		names = append(names, name)
	}
	sort.Strings(names) // so that the same request always means the same
	for _, name := range names {
		if err := req.set(name, q.Get(name)); err != nil {
			return nil, err
		}
	}
	if r.Method != http.MethodPost && req.readonly == 0 {
		req.readonly = 2
	}
	if req.id == "" {
		req.id = rand.Text()
	}
	return req, nil
}

func (req *request) set(name, value string) error {
	var err error
	switch name {
	case "query":
		req.query = value
	case "query_id":
		req.id, err = headerSafe(name, value)
	case "database":
		req.database = value
	case "default_format":
		req.format, err = headerSafe(name, value)
	case "session_id":
		req.sessionID = value
	case "session_timeout":
		req.sessionTimeout, err = parseTimeout(value)
	case "session_check":
		req.sessionCheck = isTrue(value)
	case "compress":
		req.compress = isTrue(value)
	case "decompress":
		req.decompress = isTrue(value)
	case "wait_end_of_query":
		req.waitEnd = isTrue(value)
	case "client_protocol_version":
		req.helloRevision, err = strconv.Atoi(value)
	case "readonly":
		req.readonly, err = parseReadonly(value)
	case "network_compression_method":
		req.method, err = parseMethod(value)
	case "user", "password", "quota_key", "buffer_size", "stacktrace", "role", "close_session",
		"async_insert", "wait_for_async_insert", "log_comment":
		// Login, of no meaning here, or always ours: inserts are synchronous and the
		// log comment is how a statement is found for cancelling.
	default:
		return req.other(name, value)
	}
	if err != nil {
		return badArgument("URL parameter %s: %v", name, err)
	}
	return nil
}

// other takes a statement's parameter or a setting.
func (req *request) other(name, value string) error {
	if param, ok := strings.CutPrefix(name, "param_"); ok {
		req.params = append(req.params, engine.Param{Name: param, Value: value})
		return nil
	}
	if !settingName.MatchString(name) {
		return engine.NewException(115, "UNKNOWN_SETTING", fmt.Sprintf("Unknown setting %.80q", name))
	}
	if err := statement.RefuseSetting(name); err != nil {
		return err
	}
	req.settings = append(req.settings, setting{name, value})
	return nil
}

// headerSafe refuses what must not go back in a response header.
func headerSafe(name, value string) (string, error) {
	for _, c := range []byte(value) {
		if c < ' ' || c >= 0x7f {
			return "", fmt.Errorf("%s must be printable ASCII", name)
		}
	}
	if len(value) > 256 {
		return "", fmt.Errorf("%s is longer than 256 bytes", name)
	}
	return value, nil
}

func parseTimeout(value string) (time.Duration, error) {
	n, err := strconv.Atoi(value)
	if err != nil || n < 1 || time.Duration(n)*time.Second > maxSessionTimeout {
		return 0, fmt.Errorf("want seconds from 1 to %d", int(maxSessionTimeout/time.Second))
	}
	return time.Duration(n) * time.Second, nil
}

func parseReadonly(value string) (int, error) {
	n, err := strconv.Atoi(value)
	if err != nil || n < 0 || n > 2 {
		return 0, fmt.Errorf("want 0, 1 or 2")
	}
	return n, nil
}

func parseMethod(value string) (compress.Method, error) {
	switch strings.ToUpper(value) {
	case "LZ4", "":
		return compress.LZ4, nil
	case "LZ4HC":
		return compress.LZ4HC, nil
	case "ZSTD":
		return compress.ZSTD, nil
	case "NONE":
		return compress.None, nil
	}
	return 0, fmt.Errorf("want LZ4, LZ4HC, ZSTD or NONE")
}

func isTrue(value string) bool { return value == "1" || strings.EqualFold(value, "true") }

func badArgument(format string, args ...any) error {
	return engine.NewException(36, "BAD_ARGUMENTS", fmt.Sprintf(format, args...))
}
