//go:build linux && amd64

package main_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"
)

// everyType has one column of each type that clickhouse-go writes by itself.
type everyType struct {
	ID       uint64            `ch:"id"`
	Time     time.Time         `ch:"time"`
	Day      time.Time         `ch:"day"`
	Low      string            `ch:"low"`
	LowNull  *string           `ch:"low_null"`
	Tuples   [][]any           `ch:"tuples"`
	Fixed    string            `ch:"fixed"`
	Enum     string            `ch:"enum"`
	Null     *int32            `ch:"null"`
	Map      map[string]string `ch:"map"`
	Big      uint64            `ch:"big"`
	UUID     uuid.UUID         `ch:"uuid"`
	IP4      net.IP            `ch:"ip4"`
	IP6      net.IP            `ch:"ip6"`
	Bool     bool              `ch:"bool"`
	Strings  []string          `ch:"strings"`
	Signed   int64             `ch:"signed"`
	Float    float64           `ch:"float"`
	Nested   [][]uint8         `ch:"nested"`
	Document string            `ch:"document"`
}

const everyTypeTable = `(id UInt64, time DateTime64(3, 'UTC'), day Date, low LowCardinality(String), low_null LowCardinality(Nullable(String)),
	tuples Array(Tuple(String, UInt32)), fixed FixedString(4), enum Enum8('own' = 1, 'foreign' = 2), null Nullable(Int32), map Map(String, String),
	big UInt64, uuid UUID, ip4 IPv4, ip6 IPv6, bool Bool, strings Array(String), signed Int64, float Float64, nested Array(Array(UInt8)),
	document JSON) ENGINE = MergeTree ORDER BY id`

func everyTypeRows() []everyType {
	low, null := "low\n\nvalue", int32(math.MinInt32)
	full := everyType{
		ID: 1, Time: time.Date(2026, 2, 3, 4, 5, 6, 789e6, time.UTC), Day: time.Date(2026, 2, 3, 0, 0, 0, 0, time.UTC),
		Low: low, LowNull: &low, Tuples: [][]any{{"a\x00b", uint32(math.MaxUint32)}, {"", uint32(0)}}, Fixed: "abcd", Enum: "foreign", Null: &null,
		Map: map[string]string{"k": "v", "'": `"`}, Big: math.MaxUint64, UUID: uuid.MustParse("01020304-0506-0708-090a-0b0c0d0e0f10"),
		IP4: net.IPv4(10, 10, 10, 10).To4(), IP6: net.ParseIP("2001:db8::a0a"), Bool: true, Strings: []string{"", "\n\n", "żółw"},
		Signed: math.MinInt64, Float: math.SmallestNonzeroFloat64, Nested: [][]uint8{{10, 10}, {}}, Document: `{"a":{"b":"1"}}`,
	}
	empty := everyType{
		ID: 2, Time: time.Unix(0, 0).UTC(), Day: time.Unix(0, 0).UTC(), Tuples: [][]any{}, Fixed: "\x00\x00\x00\x00", Enum: "own", Map: map[string]string{},
		IP4: net.IPv4(0, 0, 0, 0).To4(), IP6: net.IPv6zero, Strings: []string{}, Nested: [][]uint8{}, Document: "{}",
	}
	return []everyType{full, empty}
}

func TestAllTypesRoundTrip(t *testing.T) {
	c := engine(t)
	c.sql(t, "CREATE TABLE every "+everyTypeTable)
	want := everyTypeRows()
	conn, ctx := c.connect(t), context.Background()
	batch, err := conn.PrepareBatch(ctx, "INSERT INTO every")
	if err != nil {
		t.Fatal(err)
	}
	for i := range want {
		if err := batch.AppendStruct(&want[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := batch.Send(); err != nil {
		t.Fatal(err)
	}
	var got []everyType
	// JSON is read as text: clickhouse-go gives JSON columns as documents of its own type.
	if err := conn.Select(ctx, &got, "SELECT * EXCEPT document, toString(document) AS document FROM every ORDER BY id"); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("want -, got +\n%s", d)
	}
}

func TestWrongTypeInABatch(t *testing.T) {
	c := engine(t)
	c.sql(t, "CREATE TABLE typed (a UInt8) ENGINE = Memory")
	batch, err := c.connect(t).PrepareBatch(context.Background(), "INSERT INTO typed")
	if err != nil {
		t.Fatal(err)
	}
	if err := batch.Append("x"); err == nil {
		t.Error("a string went into a UInt8")
	}
	if err := batch.Send(); err == nil {
		t.Error("the broken batch was sent")
	}
	if got := c.sql(t, "SELECT count() FROM typed"); got != "0\n" {
		t.Errorf("%s rows", got)
	}
}

func TestManyBlocks(t *testing.T) {
	c := engine(t)
	conn, ctx := c.connect(t), context.Background()
	rows, err := conn.Query(clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{"max_block_size": 10000})), "SELECT number FROM numbers(300000) ORDER BY number")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	n := uint64(0)
	for ; rows.Next(); n++ {
		var got uint64
		if err := rows.Scan(&got); err != nil {
			t.Fatal(err)
		}
		if got != n {
			t.Fatalf("row %d is %d", n, got)
		}
	}
	if err := rows.Err(); err != nil || n != 300000 {
		t.Errorf("%d rows, %v", n, err)
	}
}

func TestConcurrency(t *testing.T) {
	const clients, queries, inserts = 8, 100, 10
	c := engine(t)
	c.sql(t, "CREATE TABLE concurrent (client UInt8, n UInt32) ENGINE = MergeTree ORDER BY (client, n)")
	conn := c.connect(t, func(o *clickhouse.Options) { o.MaxOpenConns = clients; o.MaxIdleConns = clients })
	group, ctx := errgroup.WithContext(context.Background())
	for client := range clients {
		group.Go(func() error {
			for n := range queries {
				var got uint64
				setting := clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{"max_block_size": 1000 + client}),
					clickhouse.WithParameters(clickhouse.Parameters{"n": fmt.Sprint(n)}))
				if err := conn.QueryRow(setting, "SELECT {n:UInt64} * 10000 + getSetting('max_block_size')").Scan(&got); err != nil {
					return err
				}
				if want := uint64(n*10000 + 1000 + client); got != want {
					return fmt.Errorf("client %d got %d, want %d: settings or parameters leak", client, got, want)
				}
				if n%(queries/inserts) != 0 {
					continue
				}
				batch, err := conn.PrepareBatch(ctx, "INSERT INTO concurrent")
				if err != nil {
					return err
				}
				if err := errors.Join(batch.Append(uint8(client), uint32(n)), batch.Send()); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	if got := c.sql(t, "SELECT count(), uniqExact(client, n) FROM concurrent"); got != "80\t80\n" {
		t.Errorf("rows %q", got)
	}
}

func TestCancelledQueryStops(t *testing.T) {
	c := engine(t)
	c.sql(t, "CREATE TABLE nowhere (n UInt64) ENGINE = Null")
	conn := c.connect(t)
	running := func() bool {
		return c.sql(t, "SELECT count() FROM system.processes WHERE query LIKE '%numbers(1000000000000)%' AND query NOT LIKE '%processes%'") != "0\n"
	}
	for name, query := range map[string]string{
		"streamed": "SELECT count() FROM numbers(1000000000000) WHERE NOT ignore(sipHash64(number))",
		"plain":    "SELECT count() FROM numbers(1000000000000) WHERE NOT ignore(sipHash64(number)) FORMAT JSON",
		"insert":   "INSERT INTO nowhere SELECT number FROM numbers(1000000000000)",
		"rows":     "SELECT number, sipHash64(number) FROM numbers(1000000000000)",
	} {
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() {
			rows, err := conn.Query(ctx, query)
			if err == nil {
				for rows.Next() {
				}
				err = rows.Err()
				rows.Close()
			}
			ended <- err
		}()
		eventually(t, 10*time.Second, name+" is in system.processes", running)
		cancel()
		began := time.Now()
		if err := <-ended; err == nil {
			t.Errorf("%s: ended by itself", name)
		}
		eventually(t, 10*time.Second, name+" is gone from system.processes", func() bool { return !running() })
		t.Logf("%s: gone after %v", name, time.Since(began).Round(time.Millisecond))
	}
}

func TestDatabaseSQLAsGrafanaUsesIt(t *testing.T) {
	c := engine(t)
	o := c.options()
	o.Compression = &clickhouse.Compression{Method: clickhouse.CompressionGZIP}
	o.Settings = clickhouse.Settings{"limit": 3}
	db := clickhouse.OpenDB(o)
	defer db.Close()
	if err := db.Ping(); err != nil {
		t.Fatal(err)
	}
	for query, want := range map[string]int{
		"SELECT number FROM numbers(10)": 3,
		"SELECT database, name FROM system.tables WHERE database = 'system' ORDER BY database, name": 3,
		"SELECT database, table, name, type, comment FROM system.columns WHERE database = 'system'":  3,
		"SELECT DISTINCT number % 2 FROM numbers(10) SETTINGS max_execution_time = 10":               2,
		"SELECT value FROM system.settings WHERE name = 'readonly'":                                  1,
	} {
		rows, err := db.Query(query)
		if err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		n := 0
		for rows.Next() {
			n++
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil || n != want {
			t.Errorf("%s: %d rows, want %d, %v", query, n, want, err)
		}
	}
	if _, err := db.Exec("SELECT * FROM nope"); err == nil || !strings.Contains(err.Error(), "UNKNOWN_TABLE") {
		t.Errorf("error: %v", err)
	}
}
