package kafka

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"time"
)

// Config says what to read and how. Zero values of optional fields mean the
// default named with them.
type Config struct {
	Brokers  []string // host:port; at least one
	Group    string   // consumer group
	Topics   []string // at least one, each once
	ClientID string   // shown in the broker's logs and quotas; "trespass"
	TLS      *TLS     // nil: plain TCP
	SASL     *SASL    // nil: no authentication

	SessionTimeout   time.Duration // a silent member is expelled after this; 10 s
	Heartbeat        time.Duration // 2 s, at most a third of SessionTimeout
	RebalanceTimeout time.Duration // 30 s
	JoinBackoff      time.Duration // pause after a failed join; 1 s
	WatchInterval    time.Duration // how often topics are compared; 3 s

	MaxWait        time.Duration // long poll; 500 ms
	RequestTimeout time.Duration // beyond MaxWait, a request is given up after this; 10 s
	MaxBytes       int           // asked for per fetch; 4 MiB
	MaxUnpacked    int           // a record batch that unpacks to more is bad; 64 MiB

	// StallAfter is how long a partition may have input and make no progress
	// before OnStall is called; 120 s.
	StallAfter time.Duration
	// OnStall, if set, is called from a goroutine of its own, once per stall.
	OnStall func(Stall)
}

const (
	maxName     = 249 // Kafka's limit for topic names
	minResponse = 64 << 20
)

func (c Config) withDefaults() Config {
	set := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	set(&c.SessionTimeout, 10*time.Second)
	set(&c.Heartbeat, 2*time.Second)
	set(&c.RebalanceTimeout, 30*time.Second)
	set(&c.JoinBackoff, time.Second)
	set(&c.WatchInterval, 3*time.Second)
	set(&c.MaxWait, 500*time.Millisecond)
	set(&c.RequestTimeout, 10*time.Second)
	set(&c.StallAfter, 120*time.Second)
	if c.MaxBytes == 0 {
		c.MaxBytes = 4 << 20
	}
	if c.MaxUnpacked == 0 {
		c.MaxUnpacked = 64 << 20
	}
	if c.ClientID == "" {
		c.ClientID = "trespass"
	}
	return c
}

// validate reports every mistake at once.
func (c Config) validate() error {
	var errs []error
	bad := func(format string, a ...any) { errs = append(errs, fmt.Errorf("kafka: "+format, a...)) }
	if len(c.Brokers) == 0 {
		bad("no brokers given; name at least one as host:port")
	}
	for _, broker := range c.Brokers {
		if host, port, err := net.SplitHostPort(broker); err != nil || host == "" || port == "" {
			bad("broker %q: want host:port", broker)
		}
	}
	if c.Group == "" {
		bad("no consumer group given")
	}
	if len(c.Topics) == 0 {
		bad("no topics given")
	}
	for i, t := range c.Topics {
		switch {
		case t == "" || len(t) > maxName:
			bad("topic name %q must have 1 to %d characters", t, maxName)
		case slices.Contains(c.Topics[:i], t):
			bad("topic %q is given twice", t)
		}
	}
	if len(c.Group) > maxName || len(c.ClientID) > maxName {
		bad("group and client id must have at most %d characters", maxName)
	}
	if c.Heartbeat <= 0 || c.Heartbeat > c.SessionTimeout/3 {
		bad("heartbeat %v must be above zero and at most a third of the session timeout %v", c.Heartbeat, c.SessionTimeout)
	}
	for _, d := range []struct {
		name string
		d    time.Duration
	}{{"rebalance timeout", c.RebalanceTimeout}, {"join back-off", c.JoinBackoff}, {"watch interval", c.WatchInterval},
		{"max wait", c.MaxWait}, {"request timeout", c.RequestTimeout}, {"stall time", c.StallAfter}} {
		if d.d <= 0 {
			bad("%s must be above zero, not %v", d.name, d.d)
		}
	}
	if c.MaxBytes < 1<<10 || c.MaxBytes > 1<<30 || c.MaxUnpacked < 1<<10 || c.MaxUnpacked > 1<<30 {
		bad("fetch size %d and unpacked size %d must be between 1 KiB and 1 GiB", c.MaxBytes, c.MaxUnpacked)
	}
	errs = append(errs, c.SASL.validate(c.TLS))
	return errors.Join(errs...)
}

// maxAnswer bounds a fetch answer: MaxBytes and the one whole batch by which a
// broker may exceed it.
func (c Config) maxAnswer() int { return c.MaxBytes + max(c.MaxUnpacked, minResponse) }

// budget is the time between the end of a generation and the moment the
// coordinator may expel the member, with a margin of two thirds.
func (c Config) budget() time.Duration { return min(c.SessionTimeout, c.RebalanceTimeout) / 3 }
