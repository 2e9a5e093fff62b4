package kafka

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net"

	kafkago "github.com/segmentio/kafka-go"
)

// An action is what the fetch loop does about an error code.
type action int

const (
	proceed     action = iota
	retry              // after a pause
	refresh            // have the topics looked at, then retry
	lookUp             // ask for the log's first and last offset
	denied             // retry slowly: somebody has to grant a right
	renegotiate        // ask again which versions the brokers offer, then retry
	stop               // nothing will get better
)

// fetchAction is what each error code of a Fetch answer means here. A code that
// Kafka may add later is retried and stays visible as the reason for not being
// ready.
func fetchAction(code kafkago.Error) action {
	switch code {
	case 0:
		return proceed
	case kafkago.OffsetOutOfRange:
		return lookUp
	case kafkago.Unknown,
		kafkago.InvalidMessage, // the broker found a bad checksum on its disk
		kafkago.RequestTimedOut,
		kafkago.NetworkException,
		kafkago.FetchSessionIDNotFound,
		kafkago.InvalidFetchSessionEpoch,
		kafkago.OffsetNotAvailable,
		kafkago.ThrottlingQuotaExceeded,
		kafkago.FetchSessionTopicIDError:
		return retry
	case kafkago.UnknownTopicOrPartition,
		kafkago.LeaderNotAvailable,
		kafkago.NotLeaderForPartition,
		kafkago.BrokerNotAvailable,
		kafkago.ReplicaNotAvailable,
		kafkago.KafkaStorageError,
		kafkago.FencedLeaderEpoch,
		kafkago.UnknownLeaderEpoch,
		kafkago.UnknownTopicID,
		kafkago.InconsistentTopicID:
		return refresh
	case kafkago.TopicAuthorizationFailed,
		kafkago.ClusterAuthorizationFailed:
		return denied
	case kafkago.UnsupportedVersion:
		return renegotiate
	case kafkago.InvalidMessageSize,
		kafkago.MessageSizeTooLarge,
		kafkago.InvalidRequest,
		kafkago.UnsupportedCompressionType:
		return stop
	default:
		return retry
	}
}

// commitAction is what a commit's error code asks for.
type commitAction int

const (
	commitDone commitAction = iota
	commitRetry
	commitFenced // the generation is lost: stop and discard
	commitFailed
)

func commitActionOf(code kafkago.Error) commitAction {
	switch code {
	case 0:
		return commitDone
	case kafkago.IllegalGeneration, kafkago.UnknownMemberId, kafkago.RebalanceInProgress,
		kafkago.FencedInstanceID:
		return commitFenced
	case kafkago.GroupLoadInProgress, kafkago.GroupCoordinatorNotAvailable, kafkago.NotCoordinatorForGroup,
		kafkago.RequestTimedOut, kafkago.NetworkException, kafkago.BrokerNotAvailable, kafkago.Unknown,
		kafkago.GroupAuthorizationFailed, kafkago.TopicAuthorizationFailed:
		return commitRetry
	default:
		return commitFailed
	}
}

// certificateHint says where to set right what TLS did not accept.
func certificateHint(err error) string {
	var authority x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	var alert *net.OpError
	switch {
	case errors.As(err, &authority):
		return "; name the authority that signed the broker's certificate in kafka.tls.ca_file"
	case errors.As(err, &host):
		return "; set kafka.tls.server_name to a name that stands in the broker's certificate"
	case errors.As(err, &invalid):
		return "; the broker needs a new certificate"
	case errors.As(err, &alert) && alert.Op == "remote error": // what crypto/tls makes of an alert
		return "; does the broker ask for a client certificate (kafka.tls.cert_file and key_file), and trust this one?"
	}
	return ""
}

// describe adds to an error what an operator can do about it.
func describe(err error) string {
	var code kafkago.Error
	if !errors.As(err, &code) {
		return err.Error() + certificateHint(err)
	}
	hint := ""
	switch code {
	case kafkago.GroupLoadInProgress, kafkago.GroupCoordinatorNotAvailable, kafkago.NotCoordinatorForGroup:
		hint = "the group's coordinator is starting or moving; waiting for it"
	case kafkago.UnknownMemberId:
		hint = "the group expelled this member; joining again"
	case kafkago.RebalanceInProgress:
		hint = "the group is rebalancing"
	case kafkago.TopicAuthorizationFailed:
		hint = "a topic is denied or does not exist; grant READ on it to this user"
	case kafkago.GroupAuthorizationFailed:
		hint = "the group is denied; grant READ on it to this user"
	case kafkago.SASLAuthenticationFailed:
		hint = "check user and password"
	case kafkago.UnsupportedSASLMechanism:
		hint = "the brokers do not offer this SASL mechanism"
	case kafkago.InconsistentGroupProtocol:
		hint = "other programs use this group with another assignment protocol; use a group of its own"
	default:
		return fmt.Sprintf("[%d] %s", int(code), code.Title())
	}
	return fmt.Sprintf("[%d] %s: %s", int(code), code.Title(), hint)
}
