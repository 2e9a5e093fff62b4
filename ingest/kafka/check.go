package kafka

import (
	"context"
	"errors"
)

// Check asks the brokers whether every topic exists and may be seen, without
// joining the group. The error says what is wrong and what to do. It blocks until
// the brokers answer or ctx ends. The source cannot be run afterwards.
func (s *Source) Check(ctx context.Context) error {
	defer s.conns.close()
	v, err := s.directory.look(ctx)
	if err == nil {
		err = s.directory.problem(v)
	}
	if err != nil {
		return errors.New(describe(err))
	}
	return nil
}
