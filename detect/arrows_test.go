package detect_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const module = "trespass.dev/trespass"

// A room is a folder of the house and what its packages may import. Test files
// are free: a test may look upward to put the whole together.
type room struct {
	folder string
	// inside lists the packages of this module that may be imported; with "/..." behind
	// it a package stands for all below it as well.
	inside []string
	// outside lists the other modules that may be imported; nil means any.
	outside []string
	why     string
}

// rooms are the arrows: ingest -> detect <- sink, detect <- detect/join, and only
// cmd/trespass sees them all. A package is in the first room that it fits.
var rooms = []room{
	{
		folder:  "detect/join",
		inside:  []string{"detect", "detect/memory", "detect/progress", "detect/query"},
		outside: []string{},
		why:     "the join puts lines together and has them judged, and knows nothing else",
	},
	{
		folder:  "detect",
		inside:  []string{"detect", "detect/memory", "detect/query"},
		outside: []string{"github.com/sqlc-dev/oliphant"},
		why:     "the domain knows nothing of where events come from, how they wait, or where findings go",
	},
	{
		folder: "ingest",
		inside: []string{"ingest/...", "detect"},
		why:    "what reads logs must not know what is done with the findings",
	},
	{
		folder: "sink",
		inside: []string{"sink/...", "detect"},
		why:    "what stores findings must not know where the events came from",
	},
	{
		folder: "cmd/trespass",
		inside: []string{"cmd/trespass/...", "ingest/...", "detect/...", "sink/..."},
		why:    "a program is nobody's library",
	},
	{
		folder: "cmd/trespass-clickhouse",
		inside: []string{"cmd/trespass-clickhouse/...", "sink/..."},
		why:    "the engine's process serves ClickHouse and knows no events",
	},
	{
		folder:  "deploy",
		inside:  []string{},
		outside: []string{},
		why:     "deploy holds what an operator mounts, and only tests of it",
	},
}

// purego makes a program dynamic; only the process that loads the engine may pay that.
const (
	purego     = "github.com/ebitengine/purego"
	puregoHome = "cmd/trespass-clickhouse"
)

// listed is what `go list -json` says of a package.
type listed struct {
	ImportPath string
	Imports    []string // direct, without those of test files
	Deps       []string // all, however far
}

func TestArrows(t *testing.T) {
	packages := listPackages(t)
	if len(packages) == 0 {
		t.Fatal("go list found no package of the module")
	}
	for _, wrong := range wrongArrows(packages) {
		t.Error(wrong)
	}
}

func TestWrongArrowsAreSeen(t *testing.T) {
	for _, test := range []struct {
		name string
		pkg  listed
		want []string
	}{
		{
			name: "the standard library and what the room allows",
			pkg:  listed{ImportPath: module + "/detect/query", Imports: []string{"strings", "encoding/json", "github.com/sqlc-dev/oliphant/nodes", module + "/detect"}},
		},
		{
			name: "detect looks up",
			pkg:  listed{ImportPath: module + "/detect", Imports: []string{module + "/sink/lines"}},
			want: []string{"trespass.dev/trespass/detect imports trespass.dev/trespass/sink/lines: " +
				"packages in detect may import detect, detect/memory, detect/query of this module, " +
				"because the domain knows nothing of where events come from, how they wait, or where findings go"},
		},
		{
			name: "detect looks at what joins its events",
			pkg:  listed{ImportPath: module + "/detect", Imports: []string{module + "/detect/query", module + "/detect/join"}},
			want: []string{"trespass.dev/trespass/detect imports trespass.dev/trespass/detect/join: " +
				"packages in detect may import detect, detect/memory, detect/query of this module, " +
				"because the domain knows nothing of where events come from, how they wait, or where findings go"},
		},
		{
			name: "what detect may import of itself, the join may not",
			pkg:  listed{ImportPath: module + "/detect/join", Imports: []string{"slices", module + "/detect", module + "/detect/query", module + "/detect/worktime", "github.com/sqlc-dev/oliphant/nodes"}},
			want: []string{
				"trespass.dev/trespass/detect/join imports trespass.dev/trespass/detect/worktime: " +
					"packages in detect/join may import detect, detect/memory, detect/progress, detect/query of this module, " +
					"because the join puts lines together and has them judged, and knows nothing else",
				"trespass.dev/trespass/detect/join imports github.com/sqlc-dev/oliphant/nodes: " +
					"packages in detect/join may import nothing from outside, " +
					"because the join puts lines together and has them judged, and knows nothing else",
			},
		},
		{
			name: "a sink joins",
			pkg:  listed{ImportPath: module + "/sink/lines", Imports: []string{module + "/detect", module + "/detect/join"}},
			want: []string{"trespass.dev/trespass/sink/lines imports trespass.dev/trespass/detect/join: " +
				"packages in sink may import sink/..., detect of this module, because what stores findings must not know where the events came from"},
		},
		{
			name: "detect takes a library",
			pkg:  listed{ImportPath: module + "/detect", Imports: []string{"github.com/goccy/go-yaml"}},
			want: []string{"trespass.dev/trespass/detect imports github.com/goccy/go-yaml: " +
				"packages in detect may import github.com/sqlc-dev/oliphant from outside, " +
				"because the domain knows nothing of where events come from, how they wait, or where findings go"},
		},
		{
			name: "ingest and sink know each other",
			pkg:  listed{ImportPath: module + "/ingest/kafka", Imports: []string{module + "/sink"}},
			want: []string{"trespass.dev/trespass/ingest/kafka imports trespass.dev/trespass/sink: " +
				"packages in ingest may import ingest/..., detect of this module, because what reads logs must not know what is done with the findings"},
		},
		{
			name: "one program uses the other",
			pkg:  listed{ImportPath: module + "/cmd/trespass", Imports: []string{module + "/cmd/trespass-clickhouse/server"}},
			want: []string{"trespass.dev/trespass/cmd/trespass imports trespass.dev/trespass/cmd/trespass-clickhouse/server: " +
				"packages in cmd/trespass may import cmd/trespass/..., ingest/..., detect/..., sink/... of this module, because a program is nobody's library"},
		},
		{
			name: "a library is linked far away",
			pkg:  listed{ImportPath: module + "/sink/embedded", Deps: []string{purego + "/internal/fakecgo"}},
			want: []string{"trespass.dev/trespass/sink/embedded links github.com/ebitengine/purego: " +
				"only cmd/trespass-clickhouse may, because every program that links it is no longer one static file"},
		},
		{
			name: "a new room",
			pkg:  listed{ImportPath: module + "/utils"},
			want: []string{"trespass.dev/trespass/utils is in no room of the house: add a row to rooms, or put it where it belongs"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, wrongArrows([]listed{test.pkg})); diff != "" {
				t.Errorf("complaints (-want +got):\n%s", diff)
			}
		})
	}
}

// wrongArrows returns one sentence for each import that breaks the rules.
func wrongArrows(packages []listed) []string {
	var wrong []string
	for _, p := range packages {
		home, ok := roomOf(p.ImportPath)
		if !ok {
			wrong = append(wrong, fmt.Sprintf("%s is in no room of the house: add a row to rooms, or put it where it belongs", p.ImportPath))
			continue
		}
		for _, imported := range p.Imports {
			if complaint := home.complaint(imported); complaint != "" {
				wrong = append(wrong, fmt.Sprintf("%s imports %s: packages in %s may import %s, because %s",
					p.ImportPath, imported, home.folder, complaint, home.why))
			}
		}
		if home.folder != puregoHome && slices.ContainsFunc(p.Deps, func(dep string) bool { return under(dep, purego) }) {
			wrong = append(wrong, fmt.Sprintf("%s links %s: only %s may, because every program that links it is no longer one static file",
				p.ImportPath, purego, puregoHome))
		}
	}
	return wrong
}

func roomOf(importPath string) (room, bool) {
	i := slices.IndexFunc(rooms, func(r room) bool { return under(importPath, module+"/"+r.folder) })
	if i < 0 {
		return room{}, false
	}
	return rooms[i], true
}

// complaint says what the room may import instead, or nothing if it may import the package.
func (r room) complaint(imported string) string {
	switch {
	case under(imported, module):
		for _, allowed := range r.inside {
			folder, below := strings.CutSuffix(allowed, "/...")
			if imported == module+"/"+folder || below && under(imported, module+"/"+folder) {
				return ""
			}
		}
		return strings.Join(r.inside, ", ") + " of this module"
	case standard(imported) || r.outside == nil:
		return ""
	default:
		for _, allowed := range r.outside {
			if under(imported, allowed) {
				return ""
			}
		}
		if len(r.outside) == 0 {
			return "nothing from outside"
		}
		return strings.Join(r.outside, ", ") + " from outside"
	}
}

// under tells whether a path is the folder itself or lies in it.
func under(path, folder string) bool {
	rest, ok := strings.CutPrefix(path, folder)
	return ok && (rest == "" || rest[0] == '/')
}

// standard tells whether a package is of the standard library: only module paths begin with a host name.
func standard(importPath string) bool {
	first, _, _ := strings.Cut(importPath, "/")
	return !strings.Contains(first, ".")
}

func listPackages(t *testing.T) []listed {
	t.Helper()
	list := exec.Command("go", "list", "-json=ImportPath,Imports,Deps", module+"/...")
	out, err := list.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("listing the module's packages: %v\n%s", err, exit.Stderr)
		}
		t.Fatalf("listing the module's packages: %v", err)
	}
	var packages []listed
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		switch err := decoder.Decode(&p); {
		case errors.Is(err, io.EOF):
			return packages
		case err != nil:
			t.Fatalf("reading the answer of go list: %v", err)
		}
		packages = append(packages, p)
	}
}
