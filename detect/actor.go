package detect

import "strings"

// actor finds the one to whom the response went. First that holds:
//
//   - the agent who impersonates a user;
//   - the user of the session that made the request;
//   - the user of the claims under which the statements ran, when no application or edge
//     line stands for the request, or the only ones that do are the gateway's own lines of
//     the very request that set the claims, and carry no user;
//   - an outsider: a secret key, from outside the server;
//   - a service: a declared route or job, or a session that calls itself a service;
//   - nobody: the log says that no one was logged in.
//
// A session of one user over claims of another, who is not the same person, leaves the
// first as the actor and the second in Actor.Conflict, whose relations do not help.
func (j *Judge) actor() {
	a := j.acc
	act := &a.Actor
	var browser, nobody, service, anonymous bool
	for i := range a.Requests {
		r := &a.Requests[i]
		if act.AppRole == "" {
			act.AppRole = r.AppRole
		}
		if act.Tenant == "" {
			act.Tenant = r.Tenant
		}
		if r.ImpersonatedBy != "" && act.Impersonating == "" && r.UserID != r.ImpersonatedBy {
			act.Kind, act.User, act.Impersonating, act.Session = ActorUser, r.ImpersonatedBy, r.UserID, r.SessionID
		}
		browser = browser || r.Browser == Yes
		nobody = nobody || r.NoUser || r.Kind == ActorAnonymous
		service = service || r.Kind == ActorService
	}
	if act.Kind == ActorUnknown {
		for i := range a.Requests {
			r := &a.Requests[i]
			if r.UserID == "" {
				continue
			}
			if act.User == "" {
				act.Kind, act.User, act.Session = ActorUser, r.UserID, r.SessionID
			} else if canonicalID(act.User) == canonicalID(r.UserID) {
				if act.Session == "" {
					act.Session = r.SessionID
				}
			} else if act.Conflict == "" && !j.facts.same(act.User, r.UserID, a.Time) {
				act.Conflict = r.UserID
			}
		}
	}
	own := j.ownClaims()
	for i := range a.Statements {
		s := &a.Statements[i]
		role := s.effective(j.policy)
		if role != "" && j.policy.AnonymousRole(role) && s.Sub == "" && own {
			anonymous = true
		}
		if s.Sub == "" {
			continue
		}
		switch {
		case act.Kind == ActorUnknown && own && !nobody:
			act.Kind, act.User, act.Session = ActorUser, s.Sub, s.ClaimSession
			act.FromClaimsOnly = true
			if act.AppRole == "" {
				act.AppRole = s.ClaimRole
			}
		case canonicalID(s.Sub) == canonicalID(act.User) || canonicalID(s.Sub) == canonicalID(act.Impersonating):
			if act.Session == "" {
				act.Session = s.ClaimSession
			}
		case act.Conflict == "" && !j.facts.same(act.User, s.Sub, a.Time) && (act.Kind == ActorUser || nobody):
			act.Conflict = s.Sub
		}
	}
	if act.Kind == ActorUnknown {
		switch {
		case j.traits&traitSecret != 0:
			act.Kind = ActorOutsider
		case j.routed && a.RouteKind == RouteService, j.job() != nil, service:
			act.Kind = ActorService
		case nobody, anonymous, own && j.policy.AnonymousRole(a.Principal):
			act.Kind = ActorAnonymous
		}
	}
	if act.Kind == ActorUser {
		j.person, _ = j.facts.number(act.User)
		j.session()
	}
	if a.Bypass == Yes && !(j.routed && a.RouteKind == RouteUser && (act.Kind == ActorUser || browser || act.Kind == ActorAnonymous)) {
		j.traits &^= traitBypass // a server's own work: nothing wrong in the way
	}
}

// ownClaims says whether the claims of the statements are those of the session itself:
// no line of the request carries a session of its own, or each is the gateway's line of
// the request that PostgREST served.
func (j *Judge) ownClaims() bool {
	a := j.acc
	for i := range a.Requests {
		r := &a.Requests[i]
		if r.UserID != "" || r.Route != "" || r.Complete || len(r.Records) > 0 {
			return false
		}
		same := false
		for k := range a.Statements {
			s := &a.Statements[k]
			same = same || s.Path != "" && strings.HasSuffix(r.Path, s.Path)
		}
		if !same && len(r.Counts) == 0 {
			return false
		}
	}
	return true
}

// job finds the declared job that the statements of the access run as.
func (j *Judge) job() *Job {
	for i := range j.acc.Statements {
		s := &j.acc.Statements[i]
		if role := s.effective(j.policy); role != "" && s.reads() {
			if job := j.policy.Job(role, s.App); job != nil {
				return job
			}
		}
	}
	return nil
}

// session marks a token or session that was over when the read was made, and an account
// that was not to read any more.
func (j *Judge) session() {
	a := j.acc
	skew := int64(j.policy.Grace.ClockSkew)
	if expires := j.expires(); expires != 0 && a.Time > expires+skew {
		j.traits |= traitExpired
	}
	if _, ok := j.ended(); ok {
		j.traits |= traitEnded
	}
	if state, since, ok := j.facts.account(a.Actor.User, a.Time); ok && closedAccount(state) && a.Time > since+skew {
		j.traits |= traitAccount
	}
}

// closedAccount says whether an account in this state is not to read.
func closedAccount(state string) bool {
	switch state {
	case "suspended", "deleted", "banned", "disabled":
		return true
	}
	return false
}

// expires gives the end of the token's lifetime, 0 if no line tells.
func (j *Judge) expires() int64 {
	a := j.acc
	for i := range a.Requests {
		if e := a.Requests[i].TokenExpires; e != 0 {
			return e
		}
	}
	for i := range a.Statements {
		if s := &a.Statements[i]; s.Expires != 0 && canonicalID(s.Sub) == canonicalID(a.Actor.User) {
			return s.Expires
		}
	}
	return 0
}

// ended gives when the session ended, if it did so long before the read that requests
// in flight at sign-out are out of the question.
func (j *Judge) ended() (int64, bool) {
	a := j.acc
	issued := int64(0)
	for i := range a.Requests {
		if r := &a.Requests[i]; r.TokenIssued != 0 && issued == 0 {
			issued = r.TokenIssued
		}
	}
	for i := range a.Statements {
		if s := &a.Statements[i]; issued == 0 && canonicalID(s.Sub) == canonicalID(a.Actor.User) {
			issued = s.Issued
		}
	}
	at, ok := j.facts.sessionEnd(a.Actor.Session, a.Actor.User, issued, a.Time)
	if !ok || a.Time <= at+int64(j.policy.Grace.Session) {
		return 0, false
	}
	return at, true
}
