package kafka

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"

	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/segmentio/kafka-go/sasl/scram"
)

// TLS says how to reach the brokers over TLS, version 1.2 or later.
type TLS struct {
	CAFile     string // PEM; empty: the system's certificates
	CertFile   string // PEM; with KeyFile for brokers that ask for a client certificate
	KeyFile    string
	ServerName string // empty: the host that is dialled
}

// The SASL mechanisms.
const (
	Plain       = "PLAIN"
	ScramSHA256 = "SCRAM-SHA-256"
	ScramSHA512 = "SCRAM-SHA-512"
)

// SASL says as whom to log in. The caller reads the password from a file or the
// environment; it is never logged.
type SASL struct {
	Mechanism string // Plain, only with TLS; ScramSHA256; ScramSHA512
	User      string
	Password  string
}

func (s *SASL) validate(t *TLS) error {
	switch {
	case s == nil:
		return nil
	case s.Mechanism != Plain && s.Mechanism != ScramSHA256 && s.Mechanism != ScramSHA512:
		return fmt.Errorf("kafka: SASL mechanism %q is not known; use %s, %s or %s", s.Mechanism, ScramSHA512, ScramSHA256, Plain)
	case s.Mechanism == Plain && t == nil:
		return fmt.Errorf("kafka: SASL PLAIN would send the password in the clear; turn TLS on or use %s", ScramSHA512)
	case s.User == "" || s.Password == "":
		return errors.New("kafka: SASL needs a user and a password")
	}
	return nil
}

func (s *SASL) mechanism() (sasl.Mechanism, error) {
	if s == nil {
		return nil, nil
	}
	switch s.Mechanism {
	case Plain:
		return plain.Mechanism{Username: s.User, Password: s.Password}, nil
	case ScramSHA256:
		return scram.Mechanism(scram.SHA256, s.User, s.Password)
	default:
		return scram.Mechanism(scram.SHA512, s.User, s.Password)
	}
}

func (t *TLS) config() (*tls.Config, error) {
	if t == nil {
		return nil, nil
	}
	cfg := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.ServerName}
	if t.CAFile != "" {
		pem, err := os.ReadFile(t.CAFile)
		if err != nil {
			return nil, fmt.Errorf("kafka: reading the CA certificates: %w", err)
		}
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("kafka: %s holds no PEM certificate", t.CAFile)
		}
	}
	if (t.CertFile == "") != (t.KeyFile == "") {
		return nil, errors.New("kafka: a client certificate needs both its certificate file and its key file")
	}
	if t.CertFile != "" {
		cert, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("kafka: loading the client certificate: %w", err)
		}
		cfg.Certificates = []tls.Certificate{cert}
	}
	return cfg, nil
}
