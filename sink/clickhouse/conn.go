// Package clickhouse keeps findings and reads in ClickHouse, a server or the
// embedded engine alike, and answers forensic questions from them.
package clickhouse

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/url"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// MinVersion is the oldest server that knows every setting and index we send.
const MinVersion = "26.3"

// Address is where a ClickHouse is. The password comes beside the URL, from a
// file or the environment, so that the URL can be shown.
type Address struct {
	URL      string // clickhouse://user@host:9000/database or http(s)://...
	Password string
	TLS      *tls.Config // for clickhouses:// and https://; nil takes the system's roots
}

// DefaultDatabase is ours alone; the engine's own "default" can read files.
const DefaultDatabase = "trespass"

// options turns the address into the driver's. Inserts are synchronous and the
// server's insert deduplication stays off: a lost acknowledgement is answered by
// writing the same rows again, and the tables' keys fold the copies.
func (a Address) options() (*ch.Options, error) {
	u, err := url.Parse(a.URL)
	if err != nil {
		return nil, errors.New("clickhouse address: not a URL; want clickhouse://user@host:9000/database")
	}
	o := &ch.Options{
		Protocol:        ch.Native,
		Addr:            []string{u.Host},
		Auth:            ch.Auth{Database: DefaultDatabase, Username: "default", Password: a.Password},
		DialTimeout:     5 * time.Second,
		ReadTimeout:     60 * time.Second,
		MaxOpenConns:    6,
		MaxIdleConns:    4,
		ConnMaxLifetime: 10 * time.Minute,
		Settings: ch.Settings{
			"async_insert":       0,
			"deduplicate_insert": "disable",
		},
		ClientInfo: ch.ClientInfo{Products: []struct{ Name, Version string }{{Name: "trespass", Version: "1"}}},
	}
	switch u.Scheme {
	case "clickhouse", "clickhouses":
		o.Compression = &ch.Compression{Method: ch.CompressionLZ4}
	case "http", "https":
		o.Protocol = ch.HTTP
	default:
		return nil, fmt.Errorf("clickhouse address: scheme %q, want clickhouse, clickhouses, http or https", u.Scheme)
	}
	if u.Scheme == "clickhouses" || u.Scheme == "https" {
		o.TLS = a.TLS
		if o.TLS == nil {
			o.TLS = &tls.Config{MinVersion: tls.VersionTLS12, ServerName: u.Hostname()}
		}
	}
	if u.Host == "" {
		return nil, errors.New("clickhouse address: no host; want clickhouse://user@host:9000/database")
	}
	if u.RawQuery != "" {
		return nil, errors.New("clickhouse address: it takes no parameters; for TLS begin it with clickhouses:// or https://")
	}
	if u.User != nil {
		if _, has := u.User.Password(); has {
			return nil, errors.New("clickhouse address: it holds a password; put the password in a file and name it with password_file")
		}
		o.Auth.Username = u.User.Username()
	}
	if len(u.Path) > 1 {
		o.Auth.Database = u.Path[1:]
	}
	return o, nil
}

// Store is one ClickHouse database of ours. Safe for use by several goroutines.
type Store struct {
	conn     driver.Conn
	options  *ch.Options
	database string
}

// Connect makes a Store. It does not reach for the server; Ping does.
func Connect(a Address) (*Store, error) {
	o, err := a.options()
	if err != nil {
		return nil, err
	}
	database := o.Auth.Database
	if err := validName(database); err != nil {
		return nil, fmt.Errorf("clickhouse address: database %q: %w", database, err)
	}
	conn, err := ch.Open(o)
	if err != nil {
		return nil, fmt.Errorf("open clickhouse at %s: %w", o.Addr[0], err)
	}
	return &Store{conn: conn, options: o, database: database}, nil
}

// Database is the name of the database in use.
func (s *Store) Database() string { return s.database }

// Ping asks the server for a sign of life.
func (s *Store) Ping(ctx context.Context) error { return s.conn.Ping(ctx) }

// Close ends all connections.
func (s *Store) Close() error { return s.conn.Close() }

// CheckVersion tells whether the server is new enough.
func (s *Store) CheckVersion(ctx context.Context) error {
	v, err := s.conn.ServerVersion()
	if err != nil {
		return fmt.Errorf("ask clickhouse for its version: %w", err)
	}
	if v.Version.Major < 26 || v.Version.Major == 26 && v.Version.Minor < 3 {
		return fmt.Errorf("clickhouse is version %d.%d, want %s or newer", v.Version.Major, v.Version.Minor, MinVersion)
	}
	return nil
}

// validName holds identifiers that go into SQL text to a plain form.
func validName(name string) error {
	if name == "" || len(name) > 64 {
		return errors.New("want 1 to 64 characters")
	}
	for i := range len(name) {
		c := name[i]
		if c != '_' && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (i == 0 || c < '0' || c > '9') {
			return errors.New("want letters, digits and underscores, not beginning with a digit")
		}
	}
	return nil
}
