package facts

import (
	"strings"

	"trespass.dev/trespass/detect"
	"trespass.dev/trespass/ingest/decode"
	"trespass.dev/trespass/ingest/jsonscan"
)

// Kind says what one kind of fact means and what it must hold.
type Kind struct {
	Kind   detect.FactKind
	About  string
	Must   []string // fields that must be there; "user|token" means one of the two at least
	Values []string // the values allowed; empty: any
}

// Kinds lists all kinds, in the order of the documentation.
func Kinds() []Kind {
	return []Kind{
		{detect.FactOwner, "the column of the record holds the user: the user owns the record", []string{"table", "record", "column", "user"}, nil},
		{detect.FactTenant, "the record belongs to the tenant", []string{"table", "record", "tenant"}, nil},
		{detect.FactState, "the column of the record has the value, such as status = published", []string{"table", "record", "column", "value"}, nil},
		{detect.FactMember, "the user is a member of the tenant", []string{"user", "tenant"}, nil},
		{detect.FactMapping, "the external id, such as a Stripe customer, stands for the user", []string{"record", "user"}, nil},
		{detect.FactAccount, "the user's account is in this state", []string{"user", "value"}, []string{"active", "suspended", "deleted"}},
		{detect.FactSession, "the session has ended", []string{"record", "value"}, []string{"ended"}},
		{detect.FactShare, "the record is shared with the user, or with whoever holds the token", []string{"table", "record", "user|token"}, nil},
		{detect.FactTicket, "the ticket lets the agent see the user's data while it is open", []string{"record", "agent", "user", "value"}, []string{"open", "closed"}},
		{detect.FactRole, "the user has the role inside the application", []string{"user", "value"}, nil},
		{detect.FactCatalog, "the database's catalog says so of the table: column is row_security, policy or grant", []string{"table", "column", "value"}, nil},
		{detect.FactTable, "the owner facts of the table are complete", []string{"table"}, nil},
		{detect.FactSamePair, "user and value are two ids of one person", []string{"user", "value"}, nil},
		{detect.FactPermit, "the declared job may read the table", []string{"principal", "table"}, nil},
		{detect.FactCanary, "the record is planted; nobody has a reason to read it", []string{"table", "record"}, nil},
		{detect.FactRelation, "the relation named by value holds between the user and the record", []string{"value", "table", "record", "user"}, nil},
	}
}

// check refuses a fact that its kind does not allow.
func check(s *jsonscan.Scanner, f *detect.Fact) {
	if f.Kind == "" {
		s.Fail(decode.Missing, "fact")
		return
	}
	k := find(f.Kind)
	if k == nil {
		s.Bad("fact", "one of "+names())
		return
	}
	for _, must := range k.Must {
		one, other, _ := strings.Cut(must, "|")
		if value(f, one) == "" && value(f, other) == "" {
			s.Fail(decode.Missing, must+" (of a fact "+string(f.Kind)+")")
			return
		}
	}
	if len(k.Values) > 0 && !allowed(k.Values, f.Value) {
		s.Bad("value", strings.Join(k.Values, " or "))
		return
	}
	if f.ValidTo != 0 && f.ValidTo < f.ValidFrom {
		s.Bad("valid_to", "an instant not before valid_from")
	}
}

var kinds = Kinds()

func find(kind detect.FactKind) *Kind {
	for i := range kinds {
		if kinds[i].Kind == kind {
			return &kinds[i]
		}
	}
	return nil
}

func names() string {
	var list []string
	for _, k := range kinds {
		list = append(list, string(k.Kind))
	}
	return strings.Join(list, ", ")
}

func allowed(values []string, v string) bool {
	for _, a := range values {
		if a == v {
			return true
		}
	}
	return false
}

// value gives the field that a name in Must means.
func value(f *detect.Fact, field string) string {
	switch field {
	case "table":
		return f.Table
	case "record":
		return f.Record
	case "column":
		return f.Column
	case "user":
		return f.User
	case "tenant":
		return f.Tenant
	case "agent":
		return f.Agent
	case "token":
		return f.Token
	case "principal":
		return f.Principal
	case "value":
		return f.Value
	}
	return ""
}
