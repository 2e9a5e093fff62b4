// Package market acts out a small two-sided marketplace: honest traffic, and ten
// kinds of leak planted in it, with a ledger that says what must be found. The
// demo plays it with made log lines; the end-to-end test plays the same script
// against a real Postgres and lets that write the audit log.
package market

import (
	_ "embed"
	"fmt"
	"math/rand/v2"
	"strings"
)

// Schema makes the tables, roles, policies and grants in a real Postgres.
//
//go:embed schema.sql
var Schema string

// Policy is the policy.yaml of this marketplace.
//
//go:embed policy.yaml
var Policy []byte

// Row is one row of the marketplace, by the columns that say whose it is.
type Row struct {
	Table  string
	ID     string
	IDName string
	Owners []Owned // owner columns in the order of the table
	Tenant string
	State  string // of a listing: draft or published
}

// Owned is an owner column and the user in it.
type Owned struct{ Column, User string }

// World is the data of the marketplace. It is small, and made from a seed.
type World struct {
	Users     []string
	Orgs      []string
	Members   map[string]string // user -> org
	Left      string            // user whose membership of Orgs[0] ended before the script begins
	Orders    []Row
	Invoices  []Row
	Listings  []Row
	Documents []Row
	Tickets   []Row
	Customers []Row

	rng *rand.Rand
}

// NewWorld makes a marketplace of n users, at least 12.
func NewWorld(seed uint64, n int) *World {
	w := &World{Members: map[string]string{}, rng: rand.New(rand.NewPCG(seed, 17))}
	for range max(n, 12) {
		w.Users = append(w.Users, w.uuid())
	}
	for range 3 {
		w.Orgs = append(w.Orgs, w.uuid())
	}
	for i, u := range w.Users {
		w.Members[u] = w.Orgs[i%len(w.Orgs)]
	}
	w.Left = w.Users[len(w.Users)-1]
	delete(w.Members, w.Left)
	for i := range 3 * len(w.Users) {
		buyer, seller := w.Users[i%len(w.Users)], w.Users[(i*5+1)%len(w.Users)]
		w.Orders = append(w.Orders, Row{Table: "orders", ID: w.uuid(), IDName: "id", Owners: []Owned{{"buyer_id", buyer}, {"seller_id", seller}}})
	}
	for i := range 4 * len(w.Orgs) {
		w.Invoices = append(w.Invoices, Row{Table: "invoices", ID: w.uuid(), IDName: "id", Tenant: w.Orgs[i%len(w.Orgs)]})
	}
	for i, u := range w.Users {
		state := "published"
		if i%4 == 3 {
			state = "draft"
		}
		w.Listings = append(w.Listings, Row{Table: "listings", ID: w.uuid(), IDName: "id", Owners: []Owned{{"seller_id", u}}, State: state})
		w.Documents = append(w.Documents, Row{Table: "documents", ID: w.uuid(), IDName: "id", Owners: []Owned{{"user_id", u}}})
		w.Tickets = append(w.Tickets, Row{Table: "tickets", ID: w.uuid(), IDName: "id", Owners: []Owned{{"user_id", u}}})
		w.Customers = append(w.Customers, Row{Table: "customers", ID: "cus_" + strings.ReplaceAll(w.uuid(), "-", "")[:14], IDName: "stripe_customer_id", Owners: []Owned{{"user_id", u}}})
	}
	return w
}

// Rows gives every row of the marketplace, table by table.
func (w *World) Rows() []Row {
	var all []Row
	for _, l := range [][]Row{w.Orders, w.Invoices, w.Listings, w.Documents, w.Tickets, w.Customers} {
		all = append(all, l...)
	}
	return all
}

// owns reports whether a user is in an owner column of the row.
func (r Row) owns(user string) bool {
	for _, o := range r.Owners {
		if o.User == user {
			return true
		}
	}
	return false
}

// stranger gives a user who is not in any owner column of the row.
func (w *World) stranger(r Row) string {
	for {
		if u := w.anyone(); !r.owns(u) {
			return u
		}
	}
}

func (w *World) anyone() string { return w.Users[w.rng.IntN(len(w.Users)-1)] } // never the one who left

func (w *World) pick(rows []Row) Row { return rows[w.rng.IntN(len(rows))] }

func (w *World) uuid() string {
	a, b := w.rng.Uint64(), w.rng.Uint64()
	return fmt.Sprintf("%08x-%04x-4%03x-%04x-%012x", uint32(a>>32), uint16(a>>16), uint16(a)&0xfff, uint16(b>>48)&0x3fff|0x8000, b&0xffffffffffff)
}
