package main

import (
	"fmt"
	"net"
	"net/url"
	"strings"

	"trespass.dev/trespass/cmd/trespass/config"
	"trespass.dev/trespass/cmd/trespass/report"
	"trespass.dev/trespass/cmd/trespass/screen"
	"trespass.dev/trespass/detect"
	"trespass.dev/trespass/sink"
)

// warnings are shown as they are found.
type warnings struct {
	std   streams
	count int
}

func (w *warnings) add(list []string) {
	for _, text := range list {
		say(w.std, "!!  %s", screen.CleanLines(text))
	}
	w.count += len(list)
}

// outcome is what a check ends with that found no fault.
func (w *warnings) outcome(deny bool) error {
	if w.count == 0 || !deny {
		return nil
	}
	return &exitError{exitWarnings, fmt.Errorf("%s; see above", report.Plural(w.count, "warning"))}
}

// policyWarnings says what a policy leaves open that is most likely a gap, but may be
// meant.
func policyWarnings(path string, p *detect.Policy) (list []string) {
	if len(p.Routes) == 0 {
		list = append(list, path+": no routes: every route counts as a user's, webhooks and jobs too, so that a service role there is a finding. "+
			"List the others, such as {match: \"/api/webhooks/**\", kind: service}")
	}
	return list
}

// configWarnings says what of a configuration is dangerous, but may be meant.
func configWarnings(path string, c *config.Config) (list []string) {
	if c.Kafka.TLS == nil {
		for _, broker := range c.Kafka.Brokers {
			if host, _, err := net.SplitHostPort(broker); err == nil && !loopback(host) {
				list = append(list, fmt.Sprintf("%s: kafka.brokers: %s is read in plain text: whoever is on the way sees the logs and can change them. Add kafka.tls", path, broker))
			}
		}
	}
	if kind, address, err := sink.Parse(c.SinkAddress()); err == nil && kind == sink.Server {
		if u, err := url.Parse(address); err == nil && (u.Scheme == "http" || u.Scheme == "clickhouse") && !loopback(u.Hostname()) {
			list = append(list, fmt.Sprintf("%s: sink.address: %s is written to in plain text, password included. Use https:// or clickhouses://", path, u.Host))
		}
	}
	return list
}

// loopback says whether a host is this machine.
func loopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}
