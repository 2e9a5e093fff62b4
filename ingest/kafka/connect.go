package kafka

import (
	"net"
	"strings"
	"time"

	kafkago "github.com/segmentio/kafka-go"
)

// connections holds the two ways kafka-go reaches brokers: a Dialer for the
// group and a Transport for everything else. They are configured in one place,
// because kafka-go would let them differ.
type connections struct {
	addr      net.Addr
	dialer    *kafkago.Dialer
	transport *kafkago.Transport
	client    *kafkago.Client
}

// metadataTTL is how soon a new leader is seen. kafka-go refreshes at random
// moments below it and never on errors.
const metadataTTL = 500 * time.Millisecond

const dialTimeout = 5 * time.Second

func connect(cfg Config) (*connections, error) {
	tlsConfig, err := cfg.TLS.config()
	if err != nil {
		return nil, err
	}
	mechanism, err := cfg.SASL.mechanism()
	if err != nil {
		return nil, err
	}
	c := &connections{
		addr: bootstrap(cfg.Brokers),
		dialer: &kafkago.Dialer{
			ClientID: cfg.ClientID, Timeout: dialTimeout, DualStack: true, KeepAlive: 30 * time.Second,
			TLS: tlsConfig, SASLMechanism: mechanism,
		},
		transport: &kafkago.Transport{
			ClientID: cfg.ClientID, DialTimeout: dialTimeout, MetadataTTL: metadataTTL, MetadataTopics: cfg.Topics,
			TLS: tlsConfig, SASL: mechanism,
		},
	}
	c.client = &kafkago.Client{Addr: c.addr, Transport: c.transport, Timeout: cfg.RequestTimeout}
	return c, nil
}

func (c *connections) close() { c.transport.CloseIdleConnections() }

// bootstrap is the list of brokers as one address, the form kafka-go's
// Transport splits again.
type bootstrap []string

func (b bootstrap) Network() string { return strings.TrimSuffix(strings.Repeat("tcp,", len(b)), ",") }
func (b bootstrap) String() string  { return strings.Join(b, ",") }
