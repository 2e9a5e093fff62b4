package kafka

import (
	"errors"
	"fmt"

	"trespass.dev/trespass/ingest/kafka/wire"
)

// ErrFenced says that this member lost its generation: the group gave the
// partitions to another member, or may have. Everything that was not committed
// must be discarded; the member that holds the partitions now reads it again.
var ErrFenced = errors.New("kafka: this member lost its generation; what was not committed is discarded")

// ErrEnded says that the generation is over and takes no more commits.
var ErrEnded = errors.New("kafka: the generation is over")

// ErrHold, returned by Handler.Gap or Handler.BadBatch, keeps the partition
// where it is: the source is not ready, tries again with growing pauses and
// calls the method again.
var ErrHold = errors.New("kafka: the partition waits for a decision")

// TopicRecreatedError says that a topic was deleted and created again while it
// was being read. Its offsets mean other records now, so nothing more is read by this
// process. The next one can tell by the ids that were committed with the offsets.
type TopicRecreatedError struct {
	Topic    string
	Old, New wire.TopicID
}

func (e *TopicRecreatedError) Error() string {
	return fmt.Sprintf("kafka: topic %s was deleted and created again (topic id %s, before %s): what was not "+
		"read of the old one is lost; start again to read the new one from its beginning", e.Topic, e.New, e.Old)
}

// BeyondEndError says that the group's offset lies behind the end of the log:
// the topic was truncated or created again, or the offset was set by hand.
type BeyondEndError struct {
	Partition   Partition
	Offset, End int64
}

func (e *BeyondEndError) Error() string {
	return fmt.Sprintf("kafka: %s: offset %d is beyond the end of the log, %d: the topic was truncated or created again, "+
		"or the offset was set by hand; reset the group's offset and start again", e.Partition, e.Offset, e.End)
}

// BackwardsError says that a commit would move an offset back, which the broker
// would accept. It is a bug of the caller; nothing was committed.
type BackwardsError struct {
	Offset Offset
	Floor  int64
}

func (e *BackwardsError) Error() string {
	return fmt.Sprintf("kafka: committing offset %d of %s/%d would go back behind %d",
		e.Offset.Offset, e.Offset.Topic, e.Offset.Partition, e.Floor)
}
