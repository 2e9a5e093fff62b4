package detect

import (
	"strings"
	"time"
)

// fills remembers what filled shared caches of private routes, by the request id under
// which the cache names the entry, so that a later HIT can be judged by the records it
// gave again. It keeps the last fillsKept; a HIT whose filler is not among them is
// possible only.
type fills struct {
	byRequest map[string]*fill
	order     []string
	next      int
	forgotten uint64 // let go for want of room while a HIT could still have asked for them
}

// fill is one response that a shared cache kept.
type fill struct {
	time    int64
	actor   Actor
	records []AccessRecord
}

const (
	fillAge         = int64(5 * time.Minute)
	fillsKept       = 1 << 16
	fillRecordsKept = MaxListed
)

func (f *fills) add(request string, v *fill) {
	if f.byRequest == nil {
		f.byRequest = make(map[string]*fill)
	}
	if _, have := f.byRequest[request]; have {
		f.byRequest[request] = v
		return
	}
	if len(f.order) < fillsKept {
		f.order = append(f.order, request)
	} else {
		if old := f.byRequest[f.order[f.next]]; old != nil && v.time-old.time < fillAge {
			f.forgotten++
		}
		delete(f.byRequest, f.order[f.next])
		f.order[f.next] = request
		f.next = (f.next + 1) % fillsKept
	}
	f.byRequest[request] = v
}

// private says whether a declared route's responses belong to one session.
func (j *Judge) private() bool {
	switch {
	case j.route == nil:
		return false
	case j.route.Cache != "":
		return j.route.Cache == "private"
	}
	return j.route.Kind != RoutePublic
}

// remember keeps the records of a response that went into a shared cache.
func (j *Judge) remember() {
	if j.hit != nil || len(j.records) == 0 || !j.private() {
		return
	}
	a := j.acc
	cached := false
	for i := range a.Requests {
		cached = cached || a.Requests[i].Cache.Status == CacheMiss || a.Requests[i].Cache.Public == Yes
	}
	if !cached {
		return
	}
	v := &fill{time: a.Time, actor: Actor{Kind: a.Actor.Kind, User: strings.Clone(a.Actor.User)}}
	for i := range j.records {
		if r := &j.records[i]; r.CameBack == Yes && len(v.records) < fillRecordsKept {
			v.records = append(v.records, r.clone())
		}
	}
	for i := range a.Requests {
		if id := a.Requests[i].RequestID; id != "" {
			j.fills.add(strings.Clone(id), v)
		}
	}
}

// clone copies what a later HIT needs of a record, because lines do not keep their text.
func (r *AccessRecord) clone() AccessRecord {
	c := *r
	c.Name, c.ID, c.Tenant = strings.Clone(r.Name), strings.Clone(r.ID), strings.Clone(r.Tenant)
	c.Owners, c.State = nil, nil
	for _, o := range r.Owners {
		c.Owners = append(c.Owners, Owner{Column: strings.Clone(o.Column), ID: strings.Clone(o.ID)})
	}
	for _, p := range r.State {
		c.State = append(c.State, Pair{Name: strings.Clone(p.Name), Value: strings.Clone(p.Value)})
	}
	c.Columns = cloneStrings(r.Columns)
	return c
}

// cached takes the records that a shared cache gave again.
func (j *Judge) cached() {
	if j.hit == nil || j.hit.Cache.ID == "" || !j.private() {
		return
	}
	v := j.fills.byRequest[j.hit.Cache.ID]
	if v == nil || v.time > j.acc.Time || v.time < j.acc.Time-fillAge {
		return
	}
	j.filled = v
	for k := range v.records {
		kept := &v.records[k]
		table := j.policy.Table(kept.Name) // another policy may be in force by now
		if table != nil && table.Shared {
			continue
		}
		i := j.record(table, kept.Name, kept.ID)
		r, n := &j.records[i], &j.notes[i]
		r.CameBack = Yes
		if n.logged == nil {
			n.logged = kept.Owners
		}
		if r.Tenant == "" {
			r.Tenant = kept.Tenant
		}
		r.Columns = j.union(r.Columns, kept.Columns)
		if r.State == nil {
			r.State = kept.State
		}
		r.Count = kept.Count
		if kept.ID == "" && kept.Count > 1 {
			n.rows = kept.Count
		}
		for _, o := range kept.Origins {
			j.origin(r, o)
		}
		j.origin(r, j.hit.Origin)
	}
}
