package detect_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"trespass.dev/trespass/detect"
	"trespass.dev/trespass/ingest/policy"
)

// A story is one file of testdata: a comment in prose, what happened, and what must
// come of it.
//
//	A support agent opens a customer's order under a ticket that is open. Stay quiet.
//	-- events --
//	fact ticket record=T1 agent=sam user=ann value=open
//	12:00:00 app r1 GET /admin/orders/[id] 200 user=sam app_role=staff justification=T1
//	  row orders/o1 buyer_id=ann seller_id=bob cols=id,total
//	-- findings --
//	none
//	-- reads --
//	r1 orders/o1 privileged(staff) proven
//
// Sections: policy.yaml, which replaces that of testdata; events; findings; reads. The
// last three must be there, and must not be empty: "none" is written out.
//
// Events, one a line; an indented line adds to the one above it. Times are of one day,
// HH:MM:SS with a fraction if need be; values with spaces are quoted.
//
//	TIME app ID METHOD ROUTE STATUS key=value...   an access event of Trespass's own: complete
//	TIME log ID METHOD ROUTE STATUS key=value...   an application's own line
//	TIME edge ID METHOD PATH STATUS key=value...   a line of the gateway or the edge
//	  row TABLE[/RECORD] COLUMN=OWNER... tenant=T cols=a,b state.COLUMN=VALUE
//	                                               a record that it lists; owner= names no column
//	  count TABLE ROWS COLUMN=VALUE... cols=a,b    rows that it counts, with the URL's filters; ? unknown
//	TIME set SESSION/TXN key=value...              PostgREST's settings, or SET ROLE
//	TIME sql SESSION/TXN key=value...              a statement, its text on lines that begin with |
//	fact KIND key=value...                         a fact; from= and to= are times
//
// Parameters are params=a,b with ; for a comma inside one, NULL, and ? for one that was
// not logged.
//
// The ID of a line is its request id; "-" is none. A line may be given twice: the second
// is the first, delivered again.
//
// Findings, one a line, in any order: rule, severity, claim, then what differs from
// nothing: table, cause, actor, people, records, n (if not the number of records listed),
// tenant, columns, missing. Reads: request id or session/txn, table/record, verdict with
// its relation, claim, then n, columns and missing.
var update = flag.Bool("update", false, "rewrite the findings and reads of the stories with what came out")

func TestStories(t *testing.T) {
	base := storyPolicy(t, "testdata/policy.yaml", readFile(t, "testdata/policy.yaml"))
	files, err := filepath.Glob("testdata/*/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no stories in testdata: %v", err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(strings.TrimPrefix(file, "testdata/"), ".txtar")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			story := parseStory(t, file)
			rules := base
			if story.policy != nil {
				rules = storyPolicy(t, file+" policy.yaml", story.policy)
			}
			findings, reads := tell(t, rules, story.events, nil)
			if *update {
				story.write(t, file, findings, reads)
				return
			}
			if diff := cmp.Diff(story.findings, findings); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(story.reads, reads); diff != "" {
				t.Errorf("reads (-want +got):\n%s", diff)
			}
			for seed := range uint64(5) {
				f, r := tell(t, rules, story.events, rand.New(rand.NewPCG(seed, 1)))
				if diff := cmp.Diff(findings, f); diff != "" {
					t.Fatalf("findings differ when the lines arrive in another order, seed %d (-first +then):\n%s", seed, diff)
				}
				if diff := cmp.Diff(reads, r); diff != "" {
					t.Fatalf("reads differ when the lines arrive in another order, seed %d (-first +then):\n%s", seed, diff)
				}
			}
		})
	}
}

// TestEveryRuleHasItsStories fails for a rule without three stories in which it fires and
// one in which it stays quiet, and for a folder that no rule has.
func TestEveryRuleHasItsStories(t *testing.T) {
	rules := map[string]bool{"worked": true}
	for _, rule := range detect.Rules() {
		rules[rule.Name] = true
		for _, prose := range []string{rule.About, rule.Needs, rule.Blind, rule.Next, rule.Signature, string(rule.Family)} {
			if strings.TrimSpace(prose) == "" {
				t.Errorf("rule %s lacks part of its prose", rule.Name)
			}
		}
		fires, _ := filepath.Glob("testdata/" + rule.Name + "/fires-*.txtar")
		quiet, _ := filepath.Glob("testdata/" + rule.Name + "/quiet-*.txtar")
		if len(fires) < 3 || len(quiet) < 1 {
			t.Errorf("rule %s has %d stories in which it fires and %d in which it is quiet; want at least 3 and 1", rule.Name, len(fires), len(quiet))
		}
		for _, file := range fires {
			if !slices.ContainsFunc(parseStory(t, file).findings, func(f string) bool { return strings.HasPrefix(f, rule.Name+" ") }) {
				t.Errorf("%s: the rule does not fire", file)
			}
		}
		for _, file := range quiet {
			if slices.ContainsFunc(parseStory(t, file).findings, func(f string) bool { return strings.HasPrefix(f, rule.Name+" ") }) {
				t.Errorf("%s: the rule is not quiet", file)
			}
		}
	}
	folders, err := os.ReadDir("testdata")
	if err != nil {
		t.Fatal(err)
	}
	for _, folder := range folders {
		if folder.IsDir() && !rules[folder.Name()] && folder.Name() != "fuzz" && folder.Name() != "rapid" {
			t.Errorf("testdata/%s belongs to no rule", folder.Name())
		}
	}
}

// TestStoryNeedsEverySection holds that no wanted part is empty by accident.
func TestStoryNeedsEverySection(t *testing.T) {
	whole := "Prose.\n-- events --\nfact member user=a tenant=t\n-- findings --\nnone\n-- reads --\nnone\n"
	if _, err := readStory([]byte(whole)); err != nil {
		t.Fatalf("a whole story: %v", err)
	}
	for _, cut := range []string{"Prose.\n", "fact member user=a tenant=t\n", "-- reads --\nnone\n", "-- findings --\nnone\n"} {
		if _, err := readStory([]byte(strings.Replace(whole, cut, "", 1))); err == nil {
			t.Errorf("a story without %q is taken", cut)
		}
	}
	for _, empty := range []string{"-- findings --\n-- reads --\nnone\n", "-- findings --\nnone\n-- reads --\n"} {
		text := whole[:strings.Index(whole, "-- findings")] + empty
		if _, err := readStory([]byte(text)); err == nil {
			t.Errorf("a story with an empty section is taken: %q", empty)
		}
	}
}

// story is one parsed file.
type story struct {
	archive  *txtar.Archive
	policy   []byte
	events   []storyEvent
	findings []string
	reads    []string
}

func parseStory(t *testing.T, file string) *story {
	t.Helper()
	s, err := readStory(readFile(t, file))
	if err != nil {
		t.Fatalf("read story %s: %v", file, err)
	}
	return s
}

func readStory(text []byte) (*story, error) {
	s := &story{archive: txtar.Parse(text)}
	if len(strings.Fields(string(s.archive.Comment))) == 0 {
		return nil, fmt.Errorf("no prose: say first what happens and what should come of it")
	}
	have := map[string]bool{}
	for _, f := range s.archive.Files {
		lines := wantedLines(string(f.Data))
		if len(lines) == 0 && *update == false {
			return nil, fmt.Errorf("section %s is empty; write none where nothing is wanted", f.Name)
		}
		have[f.Name] = true
		switch f.Name {
		case "policy.yaml":
			s.policy = f.Data
		case "events":
			events, err := parseEvents(string(f.Data))
			if err != nil {
				return nil, err
			}
			s.events = events
		case "findings":
			s.findings = lines
		case "reads":
			s.reads = lines
		default:
			return nil, fmt.Errorf("unknown section %s", f.Name)
		}
	}
	for _, name := range []string{"events", "findings", "reads"} {
		if !have[name] && !(*update && name != "events") {
			return nil, fmt.Errorf("section %s is missing", name)
		}
	}
	return s, nil
}

// wantedLines gives the lines of a section, sorted; none stands for no line at all.
func wantedLines(text string) []string {
	var lines []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	slices.Sort(lines)
	return lines
}

// write puts what came out into the story's file.
func (s *story) write(t *testing.T, file string, findings, reads []string) {
	t.Helper()
	section := func(name string, lines []string) {
		data := []byte(strings.Join(lines, "\n") + "\n")
		for i := range s.archive.Files {
			if s.archive.Files[i].Name == name {
				s.archive.Files[i].Data = data
				return
			}
		}
		s.archive.Files = append(s.archive.Files, txtar.File{Name: name, Data: data})
	}
	section("findings", findings)
	section("reads", reads)
	if err := os.WriteFile(file, txtar.Format(s.archive), 0o644); err != nil {
		t.Fatal(err)
	}
}

// tell runs events through the detector, in their order or shuffled, and writes down what
// came out.
func tell(t *testing.T, policy *detect.Policy, events []storyEvent, shuffle *rand.Rand) (findings, reads []string) {
	t.Helper()
	out := detectStory(t, policy, events, shuffle)
	last := map[detect.FindingID]detect.Finding{}
	for _, f := range out.Findings {
		if have, ok := last[f.ID]; !ok || f.Revision >= have.Revision {
			last[f.ID] = f
		}
		checkFinding(t, &f)
	}
	for _, f := range last {
		if !f.Resolved {
			findings = append(findings, findingLine(&f))
		}
	}
	newest := map[string]uint32{}
	for i := range out.Reads {
		r := &out.Reads[i]
		newest[r.AccessKey] = max(newest[r.AccessKey], r.Revision)
	}
	for i := range out.Reads {
		if r := &out.Reads[i]; r.Revision == newest[r.AccessKey] {
			reads = append(reads, readLine(t, r))
		}
	}
	if findings == nil {
		findings = []string{"none"}
	}
	if reads == nil {
		reads = []string{"none"}
	}
	slices.Sort(findings)
	slices.Sort(reads)
	return findings, reads
}

// checkFinding holds what is true of every finding.
func checkFinding(t *testing.T, f *detect.Finding) {
	t.Helper()
	switch {
	case f.Rule == "" || f.Family == "" || f.Cause == "" || f.Summary == "" || f.ID == detect.FindingID{}:
		t.Errorf("finding lacks a part: %+v", f)
	case f.Claim == detect.Proven && len(f.Missing) > 0:
		t.Errorf("a proven finding lacks %v: %s", f.Missing, f.Summary)
	case f.Claim == detect.Possible && len(f.Missing) == 0:
		t.Errorf("a possible finding does not say what is missing: %s", f.Summary)
	case len(f.Origins) == 0:
		t.Errorf("a finding without a receipt: %s", f.Summary)
	case !slices.IsSorted(f.RecordIDs) || !slices.IsSorted(f.Owners) || !slices.IsSorted(f.Columns):
		t.Errorf("lists are not sorted: %+v", f)
	}
}

func findingLine(f *detect.Finding) string {
	words := []string{f.Rule, f.Severity.String(), f.Claim.String()}
	add := func(key, value string) {
		if value == "" {
			return
		}
		if strings.Contains(value, " ") {
			value = `"` + value + `"`
		}
		words = append(words, key+"="+value)
	}
	add("table", f.Table)
	add("cause", string(f.Cause))
	add("actor", actorWord(&f.Actor))
	add("people", strings.Join(f.Owners, ","))
	add("records", strings.Join(f.RecordIDs, ","))
	if f.Records != int64(len(f.RecordIDs)) {
		add("n", fmt.Sprint(f.Records))
	}
	add("tenant", f.Tenant)
	add("columns", strings.Join(f.Columns, ","))
	add("missing", strings.Join(f.Missing, ","))
	return strings.Join(words, " ")
}

func actorWord(a *detect.Actor) string {
	word := a.Kind.String()
	if a.Kind == detect.ActorUser {
		word = a.User
	}
	if a.Impersonating != "" {
		word += "/as/" + a.Impersonating
	}
	if a.Conflict != "" {
		word += "/not/" + a.Conflict
	}
	return word
}

func readLine(t *testing.T, r *detect.Read) string {
	t.Helper()
	if r.Reason == "" {
		t.Errorf("a verdict without a reason: %+v", r)
	}
	verdict := r.Verdict.String()
	if r.Relation != "" {
		verdict += "(" + strings.ReplaceAll(r.Relation, " ", "+") + ")"
	}
	id := r.RequestID
	if id == "" {
		id = "-"
	}
	words := []string{id, r.Table + "/" + r.RecordID, verdict, r.Claim.String()}
	if r.Count != 1 {
		words = append(words, fmt.Sprintf("n=%d", r.Count))
	}
	if r.Verdict == detect.VerdictForeign && len(r.Columns) > 0 {
		words = append(words, "columns="+strings.Join(r.Columns, ","))
	}
	if len(r.Missing) > 0 {
		words = append(words, "missing="+strings.Join(r.Missing, ","))
	}
	return strings.Join(words, " ")
}

func readFile(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// storyPolicy reads a policy, as the program does.
func storyPolicy(t *testing.T, name string, text []byte) *detect.Policy {
	t.Helper()
	file, err := policy.Parse(name, text)
	if err != nil {
		t.Fatal(err)
	}
	return file.Detect
}

var storyWord = regexp.MustCompile(`(?:[^\s"]+|"[^"]*")+`)
