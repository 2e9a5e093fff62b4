// Package config reads trespass.yaml, which says where the logs come from and
// where the findings go. What is private to whom stands in the policy file.
package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"trespass.dev/trespass/ingest/policy"
)

// Config is the whole file. Every key has a default but the Kafka topics and the
// policy.
type Config struct {
	Policy      string  `yaml:"policy"`      // path of the policy file, from this file's folder
	Environment string  `yaml:"environment"` // name for accesses whose lines name none
	Kafka       Kafka   `yaml:"kafka"`
	Formats     Formats `yaml:"formats"`
	Sink        Sink    `yaml:"sink"`
	HTTP        HTTP    `yaml:"http"`
	Windows     Windows `yaml:"windows"`
	Log         Log     `yaml:"log"`

	dir string
}

// Kafka says which topics are read, as which member of which group.
type Kafka struct {
	Brokers []string `yaml:"brokers"`
	Group   string   `yaml:"group"`
	Topics  Topics   `yaml:"topics"`
	TLS     *TLS     `yaml:"tls"`
	SASL    *SASL    `yaml:"sasl"`
	Session Duration `yaml:"session_timeout"`
}

// Topics are the topics of each kind. A topic may hold lines of several formats.
type Topics struct {
	App   []string `yaml:"app"`
	Audit []string `yaml:"audit"`
	Edge  []string `yaml:"edge"`
	Facts []string `yaml:"facts"`
}

// TLS turns encryption on.
type TLS struct {
	CAFile     string `yaml:"ca_file"`
	CertFile   string `yaml:"cert_file"`
	KeyFile    string `yaml:"key_file"`
	ServerName string `yaml:"server_name"`
}

// SASL is a login at the broker. The password comes from a file, or from the
// environment variable TRESPASS_KAFKA_PASSWORD.
type SASL struct {
	Mechanism    string `yaml:"mechanism"`
	User         string `yaml:"user"`
	PasswordFile string `yaml:"password_file"`
}

// Formats says what the content of a line cannot.
type Formats struct {
	TimeZone      string `yaml:"time_zone"`       // Postgres log_timezone, when its abbreviation is not plain
	LogLinePrefix string `yaml:"log_line_prefix"` // Postgres setting, for stderr logs
}

// Sink says where findings go. The password of a server comes from a file, or
// from the environment variable TRESPASS_CLICKHOUSE_PASSWORD.
type Sink struct {
	Address      string `yaml:"address"` // clickhouse://..., https://..., embedded:DIR, lines:DIR
	PasswordFile string `yaml:"password_file"`
	Memory       string `yaml:"memory"`  // of the embedded engine
	Library      string `yaml:"library"` // of the embedded engine
	Migrate      *bool  `yaml:"migrate"` // bring the schema up to date at start; on by default
}

// HTTP is where metrics and health are served.
type HTTP struct {
	Listen string `yaml:"listen"`
	Reload bool   `yaml:"reload"` // POST /-/reload reads the policy again, as SIGHUP does
}

// Windows are spans of event time; see the README, How long it waits.
type Windows struct {
	Disorder Duration `yaml:"disorder"`
	Lateness Duration `yaml:"lateness"`
	Join     Duration `yaml:"join"`
	Txn      Duration `yaml:"transaction"`
	Reopen   Duration `yaml:"reopen"`
	Idle     Duration `yaml:"idle"` // a partition without input for so long is not waited for
}

// Log is the service's own log.
type Log struct {
	Level  string `yaml:"level"`  // debug, info, warn, error
	Format string `yaml:"format"` // auto, json, console
}

// Duration is a span such as 30s or 2m.
type Duration time.Duration

// UnmarshalText reads a span with its unit.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err != nil || v < 0 {
		return errors.New("want a time span with its unit, such as 30s or 2m")
	}
	*d = Duration(v)
	return nil
}

// Default is a config with every default set.
func Default() Config {
	yes := true
	return Config{
		Environment: "production",
		Kafka:       Kafka{Group: "trespass", Session: Duration(10 * time.Second)},
		Sink:        Sink{Address: "embedded:trespass-data", Migrate: &yes},
		HTTP:        HTTP{Listen: "127.0.0.1:9464"},
		Windows: Windows{
			Disorder: Duration(10 * time.Second), Lateness: Duration(2 * time.Minute), Join: Duration(30 * time.Second),
			Txn: Duration(30 * time.Second), Reopen: Duration(2 * time.Minute), Idle: Duration(30 * time.Second),
		},
		Log: Log{Level: "info", Format: "auto"},
	}
}

// Load reads and checks a file. The error shows every fault, with the line of those that
// stand in one.
func Load(path string) (Config, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return Config{}, fmt.Errorf("read the configuration: %w; name yours with --config, deploy/trespass.yaml is a sample", err)
	}
	c := Default()
	c.dir = filepath.Dir(path)
	if err := policy.Decode(path, "policy and kafka", text, &c); err != nil {
		return Config{}, err
	}
	if err := c.check(); err != nil {
		return Config{}, fmt.Errorf("configuration %s: %w", path, err)
	}
	return c, nil
}

// check finds everything that is wrong with the values, at once.
func (c *Config) check() error {
	var errs []error
	missing := func(key, want string) { errs = append(errs, fmt.Errorf("%s is missing: %s", key, want)) }
	if c.Policy == "" {
		missing("policy", "the path of your policy.yaml")
	}
	if len(c.Kafka.Brokers) == 0 {
		missing("kafka.brokers", "one or more of host:port")
	}
	if len(c.Kafka.Topics.App)+len(c.Kafka.Topics.Audit)+len(c.Kafka.Topics.Edge) == 0 {
		missing("kafka.topics", "at least one topic under app, audit or edge")
	}
	if c.Kafka.SASL != nil && strings.EqualFold(c.Kafka.SASL.Mechanism, "PLAIN") && c.Kafka.TLS == nil {
		errs = append(errs, errors.New("kafka.sasl.mechanism PLAIN sends the password as it is: add kafka.tls, or use SCRAM-SHA-512"))
	}
	switch c.Log.Format {
	case "auto", "json", "console":
	default:
		errs = append(errs, fmt.Errorf("log.format %q: want auto, json or console", c.Log.Format))
	}
	return errors.Join(errs...)
}

// Path gives a path of the file as seen from where the file is.
func (c *Config) Path(p string) string {
	if p == "" || filepath.IsAbs(p) || c.dir == "" {
		return p
	}
	return filepath.Join(c.dir, p)
}

// SinkAddress is the sink's address with its directory as seen from the file.
func (c *Config) SinkAddress() string {
	for _, scheme := range []string{"embedded:", "lines:"} {
		if dir, ok := strings.CutPrefix(c.Sink.Address, scheme); ok {
			return scheme + c.Path(strings.TrimPrefix(dir, "//"))
		}
	}
	return c.Sink.Address
}

// Secret gives a password from its file, else from the environment variable.
// The file's last line end is no part of it.
func (c *Config) Secret(file, variable string) (string, error) {
	if file == "" {
		return os.Getenv(variable), nil
	}
	text, err := os.ReadFile(c.Path(file))
	if err != nil {
		return "", fmt.Errorf("read the password: %w", err)
	}
	return strings.TrimRight(string(text), "\r\n"), nil
}
