package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"trespass.dev/trespass/cmd/trespass/config"
	"trespass.dev/trespass/cmd/trespass/screen"
	"trespass.dev/trespass/cmd/trespass/service"
	"trespass.dev/trespass/detect/join"
	"trespass.dev/trespass/ingest/kafka"
	"trespass.dev/trespass/sink"
)

// settings is a configuration with everything read that it names, and everything
// checked that can be without a connection.
type settings struct {
	config   config.Config
	rules    *service.Rules
	kafka    kafka.Config
	sink     sink.Kind
	password string // of a ClickHouse server
	level    zerolog.Level
}

// prepare gives the settings of a configuration. rules may be nil: the policy file
// is read then. The error shows every fault.
func prepare(c config.Config, rules *service.Rules) (*settings, error) {
	s := &settings{config: c, rules: rules}
	var faults []error
	fault := func(err error) {
		if err != nil {
			faults = append(faults, err)
		}
	}
	var err error
	if s.rules == nil {
		s.rules, err = loadRules(&c)
		fault(err)
	}
	if s.kafka, err = kafkaConfig(&c); err == nil {
		_, err = kafka.New(s.kafka, zerolog.Nop()) // checks, and connects to nothing
	}
	fault(err)
	s.sink, _, err = sink.Parse(c.SinkAddress())
	fault(err)
	s.password, err = c.Secret(c.Sink.PasswordFile, "TRESPASS_CLICKHOUSE_PASSWORD")
	fault(err)
	if s.level, err = zerolog.ParseLevel(c.Log.Level); err != nil {
		fault(fmt.Errorf("log.level %q: want debug, info, warn or error", c.Log.Level))
	}
	if err := errors.Join(faults...); err != nil {
		return nil, configError(err)
	}
	return s, nil
}

func kafkaConfig(c *config.Config) (kafka.Config, error) {
	out := kafka.Config{Brokers: c.Kafka.Brokers, Group: c.Kafka.Group, SessionTimeout: time.Duration(c.Kafka.Session)}
	for _, l := range [][]string{c.Kafka.Topics.Facts, c.Kafka.Topics.App, c.Kafka.Topics.Audit, c.Kafka.Topics.Edge} {
		out.Topics = append(out.Topics, l...)
	}
	if t := c.Kafka.TLS; t != nil {
		out.TLS = &kafka.TLS{CAFile: c.Path(t.CAFile), CertFile: c.Path(t.CertFile), KeyFile: c.Path(t.KeyFile), ServerName: t.ServerName}
	}
	if s := c.Kafka.SASL; s != nil {
		password, err := c.Secret(s.PasswordFile, "TRESPASS_KAFKA_PASSWORD")
		if err != nil {
			return out, err
		}
		out.SASL = &kafka.SASL{Mechanism: strings.ToUpper(s.Mechanism), User: s.User, Password: password}
	}
	return out, nil
}

func factTopics(c *config.Config) map[string]bool {
	facts := map[string]bool{}
	for _, t := range c.Kafka.Topics.Facts {
		facts[t] = true
	}
	return facts
}

func windows(c *config.Config) join.Windows {
	w := c.Windows
	return join.Windows{
		Disorder: time.Duration(w.Disorder), Lateness: time.Duration(w.Lateness), Join: time.Duration(w.Join),
		Txn: time.Duration(w.Txn), Reopen: time.Duration(w.Reopen),
	}
}

// newLog makes the service's log: JSON, or lines for people on a terminal.
func (s *settings) newLog(w io.Writer) zerolog.Logger {
	format := s.config.Log.Format
	if format == "console" || format == "auto" && screen.IsTerminal(w) {
		w = zerolog.ConsoleWriter{Out: w, TimeFormat: time.TimeOnly, NoColor: !screen.Colour("auto", w)}
	}
	return zerolog.New(w).Level(s.level).With().Timestamp().Logger()
}
