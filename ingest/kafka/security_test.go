package kafka_test

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/twmb/franz-go/pkg/kfake"

	"trespass.dev/trespass/ingest/kafka"
	"trespass.dev/trespass/ingest/kafka/kafkatest"
)

// One builder sets up both ways in, the group's and the data's: a source that
// stands at Ready has used both.
func TestTLSAndSASL(t *testing.T) {
	ca := kafkatest.NewAuthority(t)
	server, _, _ := ca.Issue(t)
	_, clientCert, clientKey := ca.Issue(t)
	pool := x509.NewCertPool()
	pool.AddCert(ca.Certificate)
	serverTLS := &tls.Config{Certificates: []tls.Certificate{server}, MinVersion: tls.VersionTLS12}
	mutual := serverTLS.Clone()
	mutual.ClientAuth, mutual.ClientCAs = tls.RequireAndVerifyClientCert, pool

	const user, password = "alice", "secret-of-alice"
	sasl := func(mechanism string) []kfake.Opt {
		return []kfake.Opt{kfake.EnableSASL(), kfake.Superuser(mechanism, user, password)}
	}
	withTLS := &kafka.TLS{CAFile: ca.File}
	for name, test := range map[string]struct {
		broker []kfake.Opt
		tls    *kafka.TLS
		sasl   *kafka.SASL
		wrong  string // "" expects Ready, else a part of the reason
	}{
		"TLS":           {[]kfake.Opt{kfake.TLS(serverTLS)}, withTLS, nil, ""},
		"mutual TLS":    {[]kfake.Opt{kfake.TLS(mutual)}, &kafka.TLS{CAFile: ca.File, CertFile: clientCert, KeyFile: clientKey}, nil, ""},
		"SCRAM-SHA-256": {sasl(kafka.ScramSHA256), nil, &kafka.SASL{Mechanism: kafka.ScramSHA256, User: user, Password: password}, ""},
		"SCRAM-SHA-512": {sasl(kafka.ScramSHA512), nil, &kafka.SASL{Mechanism: kafka.ScramSHA512, User: user, Password: password}, ""},
		"PLAIN over TLS": {append(sasl(kafka.Plain), kfake.TLS(serverTLS)), withTLS,
			&kafka.SASL{Mechanism: kafka.Plain, User: user, Password: password}, ""},
		"wrong password":  {sasl(kafka.ScramSHA512), nil, &kafka.SASL{Mechanism: kafka.ScramSHA512, User: user, Password: "wrong-password"}, "user and password"},
		"wrong authority": {[]kfake.Opt{kfake.TLS(serverTLS)}, &kafka.TLS{CAFile: kafkatest.NewAuthority(t).File}, nil, "x509"},
		"wrong name":      {[]kfake.Opt{kfake.TLS(serverTLS)}, &kafka.TLS{CAFile: ca.File, ServerName: "kafka.example"}, nil, "x509"},
		"no TLS":          {[]kfake.Opt{kfake.TLS(serverTLS)}, nil, nil, "do the TLS and SASL settings"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := startFake(t, test.broker...)
			cfg := config(f)
			cfg.TLS, cfg.SASL = test.tls, test.sasl
			var log strings.Builder
			s, err := kafka.New(cfg, zerolog.New(&log))
			if err != nil {
				t.Fatal(err)
			}
			m := kafkatest.Run(t, s, &kafkatest.Recorder{})
			state := m.AwaitState(t, patience, "the result", func(s kafka.State) bool {
				if test.wrong == "" {
					return s.Ready && s.Active
				}
				return !s.Ready && strings.Contains(s.Reason, test.wrong)
			})
			if err := m.Stop(); err != nil {
				t.Fatal(err)
			}
			if test.sasl != nil && strings.Contains(log.String()+state.Reason, test.sasl.Password) {
				t.Error("the password is in the log or in the state")
			}
		})
	}
}

func TestConfigurationsThatAreRefused(t *testing.T) {
	good := kafka.Config{Brokers: []string{"localhost:9092"}, Group: "g", Topics: []string{"app"}}
	if _, err := kafka.New(good, zerolog.Nop()); err != nil {
		t.Fatalf("the good configuration: %v", err)
	}
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*kafka.Config){
		"no brokers given":           func(c *kafka.Config) { c.Brokers = nil },
		"no consumer group":          func(c *kafka.Config) { c.Group = "" },
		"no topics given":            func(c *kafka.Config) { c.Topics = nil },
		"given twice":                func(c *kafka.Config) { c.Topics = []string{"a", "b", "a"} },
		"must have 1 to 249":         func(c *kafka.Config) { c.Topics = []string{""} },
		"at most 249":                func(c *kafka.Config) { c.Group = strings.Repeat("g", 250) },
		"at most a third":            func(c *kafka.Config) { c.Heartbeat = 4 * time.Second },
		"max wait must be above":     func(c *kafka.Config) { c.MaxWait = -1 },
		"between 1 KiB and 1 GiB":    func(c *kafka.Config) { c.MaxBytes = 3 },
		"turn TLS on":                func(c *kafka.Config) { c.SASL = &kafka.SASL{Mechanism: kafka.Plain, User: "u", Password: "p"} },
		"is not known":               func(c *kafka.Config) { c.SASL = &kafka.SASL{Mechanism: "GSSAPI", User: "u", Password: "p"} },
		"needs a user":               func(c *kafka.Config) { c.SASL = &kafka.SASL{Mechanism: kafka.ScramSHA512, User: "u"} },
		"reading the CA":             func(c *kafka.Config) { c.TLS = &kafka.TLS{CAFile: filepath.Join(t.TempDir(), "none")} },
		"holds no PEM certificate":   func(c *kafka.Config) { c.TLS = &kafka.TLS{CAFile: empty} },
		"both its certificate file":  func(c *kafka.Config) { c.TLS = &kafka.TLS{CertFile: empty} },
		"loading the client certifi": func(c *kafka.Config) { c.TLS = &kafka.TLS{CertFile: empty, KeyFile: empty} },
	} {
		cfg := good
		change(&cfg)
		if _, err := kafka.New(cfg, zerolog.Nop()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error with %q", err, want)
		}
	}
	_, err := kafka.New(kafka.Config{}, zerolog.Nop())
	for _, want := range []string{"no brokers", "no consumer group", "no topics"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("an empty configuration gives %v, want all mistakes at once", err)
		}
	}
}
