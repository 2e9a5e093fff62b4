//go:build linux && amd64

package server

import (
	"strings"

	"github.com/ClickHouse/ch-go/proto"

	"trespass.dev/trespass/cmd/trespass-clickhouse/engine"
)

// about is what the engine says of itself.
type about struct {
	displayName, version, timezone string
}

func askAbout(e *engine.Engine) (about, error) {
	c, err := e.Connect()
	if err != nil {
		return about{}, err
	}
	defer c.Close()
	row, _, err := c.Exec("SELECT displayName(), version(), timezone()", "TabSeparated", nil)
	if err != nil {
		return about{}, err
	}
	var fields [3]string
	copy(fields[:], strings.Split(strings.TrimSuffix(string(row), "\n"), "\t"))
	return about{displayName: fields[0], version: fields[1], timezone: fields[2]}, nil
}

// helloQuery is what clickhouse-go sends first on every connection, in exactly these words.
const helloQuery = "SELECT displayName(), version(), revision(), timezone()"

// isHello says whether the answer has to be a block in the client's own revision: the
// client does not know ours before it has read the answer.
func isHello(sql, format string, revision int) bool {
	return sql == helloQuery && format == "Native" && revision > 0
}

// hello is the answer to helloQuery. The revision in it is 0, which makes the client read
// and write blocks without block info, the only ones the library makes.
func (a about) hello(revision int) ([]byte, error) {
	name, version, zone := new(proto.ColStr), new(proto.ColStr), new(proto.ColStr)
	name.Append(a.displayName)
	version.Append(a.version)
	zone.Append(a.timezone)
	own := new(proto.ColUInt32)
	own.Append(0)
	input := []proto.InputColumn{
		{Name: "displayName()", Data: name},
		{Name: "version()", Data: version},
		{Name: "revision()", Data: own},
		{Name: "timezone()", Data: zone},
	}
	block := proto.Block{Info: proto.BlockInfo{BucketNum: -1}, Columns: len(input), Rows: 1}
	var b proto.Buffer
	if err := block.EncodeBlock(&b, revision, input); err != nil {
		return nil, err
	}
	return b.Buf, nil
}
