package realbroker

import (
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"trespass.dev/trespass/ingest/kafka"
	"trespass.dev/trespass/ingest/kafka/kafkatest"
)

// TestTLSAndSASL: Apache Kafka with TLS lets in who has the right login or certificate,
// to the group and to the data; everybody else is told what is wrong, and where to set
// it right, and no password is logged.
func TestTLSAndSASL(t *testing.T) {
	const user, password = "alice", "secret-of-alice"
	ca, own := kafkatest.NewAuthority(t), kafkatest.NewOwn(t)
	login, certificate := own.Secure(t, ca, user, password)
	own.Start(t)
	own.CreateTopic(t, "app", 1)
	own.Produce(t, "app", 0, 0, numbered(0, 10)...)

	_, clientCert, clientKey := ca.Issue(t)
	_, strangerCert, strangerKey := kafkatest.NewAuthority(t).Issue(t)
	trusting := &kafka.TLS{CAFile: ca.File}
	as := func(mechanism, user, password string) *kafka.SASL {
		return &kafka.SASL{Mechanism: mechanism, User: user, Password: password}
	}
	for name, test := range map[string]struct {
		address string
		tls     *kafka.TLS
		sasl    *kafka.SASL
		wrong   []string // empty: reads and commits; else parts of the reason
	}{
		"SCRAM-SHA-512":  {login, trusting, as(kafka.ScramSHA512, user, password), nil},
		"SCRAM-SHA-256":  {login, trusting, as(kafka.ScramSHA256, user, password), nil},
		"PLAIN over TLS": {login, trusting, as(kafka.Plain, user, password), nil},
		"mutual TLS":     {certificate, &kafka.TLS{CAFile: ca.File, CertFile: clientCert, KeyFile: clientKey}, nil, nil},

		"wrong password":              {login, trusting, as(kafka.ScramSHA512, user, "wrong-password"), []string{"[58] SASL Authentication Failed", "check user and password"}},
		"wrong password with PLAIN":   {login, trusting, as(kafka.Plain, user, "wrong-password"), []string{"[58] SASL Authentication Failed", "check user and password"}},
		"unknown user":                {login, trusting, as(kafka.ScramSHA256, "mallory", password), []string{"[58] SASL Authentication Failed", "check user and password"}},
		"untrusted certificate":       {login, &kafka.TLS{CAFile: kafkatest.NewAuthority(t).File}, as(kafka.ScramSHA512, user, password), []string{"x509", "unknown authority", "kafka.tls.ca_file"}},
		"only the system's trust":     {login, &kafka.TLS{}, as(kafka.ScramSHA512, user, password), []string{"x509", "unknown authority", "kafka.tls.ca_file"}},
		"certificate of another":      {login, &kafka.TLS{CAFile: ca.File, ServerName: "kafka.example"}, as(kafka.ScramSHA512, user, password), []string{"x509", "kafka.tls.server_name"}},
		"no login":                    {login, trusting, nil, []string{"do the TLS and SASL settings"}},
		"no TLS":                      {login, nil, as(kafka.ScramSHA512, user, password), []string{"do the TLS and SASL settings"}},
		"TLS to a port without":       {own.Addresses[0], trusting, as(kafka.ScramSHA512, user, password), []string{"do the TLS and SASL settings"}},
		"no client certificate":       {certificate, trusting, nil, []string{"kafka.tls.cert_file"}},
		"a client nobody vouches for": {certificate, &kafka.TLS{CAFile: ca.File, CertFile: strangerCert, KeyFile: strangerKey}, nil, []string{"kafka.tls.cert_file"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log strings.Builder
			cfg := kafka.Config{
				Brokers: []string{test.address}, Group: kafkatest.FreshName(t), Topics: []string{"app"}, TLS: test.tls, SASL: test.sasl,
				SessionTimeout: 6 * time.Second, Heartbeat: 500 * time.Millisecond, WatchInterval: 300 * time.Millisecond, MaxWait: 100 * time.Millisecond,
			}
			s, err := kafka.New(cfg, zerolog.New(&log))
			if err != nil {
				t.Fatal(err)
			}
			r := &kafkatest.Recorder{}
			m := kafkatest.Run(t, s, r)
			said := ""
			if test.wrong == nil {
				seen := r.Wait(t, patience, "the records", reads("app/0", 10))
				wantValues(t, seen.Records["app/0"], numbered(0, 10))
				if err := seen.Generations[0].Commit(t.Context(), kafka.Offset{Topic: "app", Offset: 10}); err != nil {
					t.Error(err)
				}
			} else {
				said = m.AwaitState(t, patience, "the reason: "+strings.Join(test.wrong, ", "), func(s kafka.State) bool {
					for _, part := range test.wrong {
						if !strings.Contains(s.Reason, part) {
							return false
						}
					}
					return !s.Ready
				}).Reason
			}
			if err := m.Stop(); err != nil {
				t.Fatal(err)
			}
			if test.sasl != nil && strings.Contains(log.String()+said, test.sasl.Password) {
				t.Error("the password is in the log or in the state")
			}
		})
	}
}
