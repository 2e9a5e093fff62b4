package detect

// What can be missing from a proof.
const (
	MissingActor       = "actor"
	MissingRecord      = "record"
	MissingOwners      = "owners"
	MissingOtherOwners = "other_owners"
	MissingOutcome     = "outcome"
)

// Supply says which log setting, or which facts, would supply what is missing.
func Supply(missing string) string {
	switch missing {
	case MissingActor:
		return "log the session's user id with the request id in the application, or the claims in force with log_parameter_max_length and pgaudit.log_parameter = on"
	case MissingRecord:
		return "list the returned record ids in the access event, or log parameters (pgaudit.log_parameter = on)"
	case MissingOwners:
		return "log owner ids with the returned records, or send owner and member facts of the table"
	case MissingOtherOwners:
		return "log every owner column with the returned records, or send owner facts of the table"
	case MissingOutcome:
		return "log the gateway's Content-Range with the request id, or row counts with pgaudit.log_rows = on, or an access event of the application"
	}
	return ""
}

// plainClaim sets the claim of a verdict that accuses nobody: whether the record is
// known to have come back.
func (j *Judge) plainClaim(r *AccessRecord) {
	if r.CameBack == Yes {
		r.Claim, r.Missing = Proven, nil
		return
	}
	r.Claim, r.Missing = Possible, append(j.words.Take(1)[:0], MissingOutcome)
}

// foreignClaim decides whether a foreign record is proven: the actor, the record, its
// owners, complete, as of event time, and that it came back. Anonymous and outsider own
// nothing, so that rows of the table came back is enough.
//
// Where a table has a tenant, a colleague could read. So owners also count as missing when
// the record's tenant is known and no membership of either side is; and when the tenant is
// not known while the actor is a member somewhere.
func (j *Judge) foreignClaim(i int) {
	r, n := &j.records[i], &j.notes[i]
	a := j.acc
	missing := j.words.Take(5)[:0]
	if n.shared && !n.own {
		missing = append(missing, MissingActor) // of several sessions under one request id it may be any's
	}
	if a.Actor.Kind == ActorUser {
		fixed := n.known || ownerColumns(r.Table) == 0 && r.Tenant != ""
		if r.ID == "" && (!fixed || n.bound > 0) {
			missing = append(missing, MissingRecord)
		}
		switch {
		case n.bound > 0:
		case j.tenantOpen(r, n) || !n.known && r.Tenant == "":
			missing = append(missing, MissingOwners)
		case ownerColumns(r.Table) == 0 && r.Tenant != "":
		case !n.complete && !j.allOwnersTold(r):
			missing = append(missing, MissingOtherOwners)
		}
	}
	if r.CameBack != Yes {
		missing = append(missing, MissingOutcome)
	}
	if len(missing) > 0 {
		r.Claim, r.Missing = Possible, missing
		return
	}
	r.Claim, r.Missing = Proven, nil
}

// allOwnersTold says whether the facts name an owner of the record and are complete for its
// table: an owner column of which they say nothing is empty.
func (j *Judge) allOwnersTold(r *AccessRecord) bool {
	var space [4]uint32
	return r.Table != nil && len(j.factOwners(space[:0], r.Table, r.Name, r.ID)) > 0 && j.facts.complete(r.Table.Name, j.acc.Time)
}

// tenantOpen says whether a membership that no log tells of could still explain the read.
func (j *Judge) tenantOpen(r *AccessRecord, n *note) bool {
	if r.Table == nil || r.Table.Tenant == "" {
		return false
	}
	if r.Tenant != "" {
		return n.member == standingUnknown
	}
	return j.acc.Actor.Tenant != "" || j.facts.belongs(j.acc.Actor.User)
}
