package detect

import "strings"

// answer is what the session got, as far as its own lines tell.
type answer uint8

const (
	answerUnknown answer = iota // no line tells
	answerNothing               // an error, a refusal, a preflight, HEAD, not modified
	answerRedirect
	answerGood
)

// answer reads one line's method and status.
func (r *RequestLine) answer() answer {
	if bodiless(r.Method) {
		return answerNothing
	}
	switch s := r.Status; {
	case s == 0:
		return answerUnknown
	case s >= 200 && s < 300:
		return answerGood
	case s >= 300 && s < 400 && s != 304:
		return answerRedirect
	case s >= 100 && s < 200:
		return answerUnknown
	}
	return answerNothing
}

// bodiless says whether answers to a method carry no rows. Some frameworks log methods in
// small letters.
func bodiless(method string) bool {
	switch len(method) {
	case len("HEAD"):
		return strings.EqualFold(method, "HEAD")
	case len("OPTIONS"):
		return strings.EqualFold(method, "OPTIONS")
	}
	return false
}

// response decides what the session got from the lines nearest to it: what an inner hop
// answered to the application is not what the session saw. Of a retry under one request
// id the one that succeeded counts.
func (j *Judge) response() {
	a := j.acc
	j.answer = answerUnknown
	for i := range a.Requests {
		r := &a.Requests[i]
		if r.rank() != a.Requests[0].rank() {
			break
		}
		got := r.answer()
		if i == 0 || better(got, j.answer) {
			j.answer = got
		}
	}
}

// better orders answers by what they let through. A line that tells none, such as one
// written before the response, gives way to any that does.
func better(a, b answer) bool {
	order := [...]int{answerUnknown: 0, answerNothing: 1, answerRedirect: 2, answerGood: 3}
	return order[a] > order[b]
}
