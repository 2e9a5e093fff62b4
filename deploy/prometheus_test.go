package deploy_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// ruleFile is what these tests read of a Prometheus rule file.
type ruleFile struct {
	Groups []struct {
		Name  string
		Rules []struct {
			Alert       string
			Record      string
			Labels      map[string]string
			Annotations map[string]string
		}
	}
}

func TestPrometheusRulesAreValid(t *testing.T) {
	run(t, promtool(t), "check", "rules", "--lint=all", "--lint-fatal", "prometheus/rules.yaml")
}

func TestPrometheusConfigurationsAreValid(t *testing.T) {
	for _, file := range []string{"prometheus/prometheus.yaml", "prometheus/prometheus.compose.yaml"} {
		t.Run(filepath.Base(file), func(t *testing.T) {
			run(t, promtool(t), "check", "config", "--lint-fatal", file)
		})
	}
}

// The stories of the alerts: when they fire, when they stay quiet, when they resolve.
func TestPrometheusRuleStories(t *testing.T) {
	run(t, promtool(t), "test", "rules", "prometheus/rules_test.yaml")
}

func TestAlertmanagerConfigurationIsValid(t *testing.T) {
	run(t, tool(t, "amtool", "alertmanager"), "check-config", "alertmanager/alertmanager.yaml")
}

// Whoever is woken finds a page that answers the same questions in the same order.
func TestEveryAlertHasARunbook(t *testing.T) {
	const pages = "https://trespass.dev/trespass/deploy/runbooks/"
	sections := []string{"Meaning", "Impact", "Is it an incident?", "First 15 minutes", "Diagnosis", "Mitigation"}

	var file ruleFile
	parse(t, "prometheus/rules.yaml", &file)
	alerts := 0
	for _, group := range file.Groups {
		for _, rule := range group.Rules {
			if rule.Alert == "" {
				continue
			}
			alerts++
			if s := rule.Labels["severity"]; s != "critical" && s != "warning" && s != "info" {
				t.Errorf("%s: severity is %q, want critical, warning or info", rule.Alert, s)
			}
			if s := rule.Annotations["summary"]; s == "" || strings.Contains(s, "{{") {
				t.Errorf("%s: summary is %q, want one sentence without values", rule.Alert, s)
			}
			if rule.Annotations["description"] == "" {
				t.Errorf("%s has no description", rule.Alert)
			}
			name, ok := strings.CutPrefix(rule.Annotations["runbook_url"], pages)
			if !ok || name != rule.Alert+".md" {
				t.Errorf("%s: runbook_url is %q, want %s%s.md", rule.Alert, rule.Annotations["runbook_url"], pages, rule.Alert)
				continue
			}
			text, err := os.ReadFile(filepath.Join("runbooks", name))
			if err != nil {
				t.Errorf("%s: %v", rule.Alert, err)
				continue
			}
			if got := headings(string(text)); strings.Join(got, "\n") != strings.Join(sections, "\n") {
				t.Errorf("runbooks/%s has the sections %q, want %q", name, got, sections)
			}
		}
	}
	if alerts == 0 {
		t.Error("prometheus/rules.yaml has no alert")
	}
}

// headings returns the second-level headings of a Markdown text.
func headings(text string) []string {
	var found []string
	for line := range strings.Lines(text) {
		if title, ok := strings.CutPrefix(line, "## "); ok {
			found = append(found, strings.TrimSpace(title))
		}
	}
	return found
}

// promtool is Prometheus's own checker, the one that deploy/dev/dev installs before any other.
func promtool(t *testing.T) string {
	t.Helper()
	return tool(t, "promtool", "prometheus")
}

// tool finds a program in the folder of deploy/dev/dev, or else on the PATH. part is what installs it.
func tool(t *testing.T, name, part string) string {
	t.Helper()
	dev := os.Getenv("TRESPASS_DEV_DIR")
	if dev == "" {
		dev = filepath.Join("..", ".dev")
	}
	for _, candidate := range []string{filepath.Join(dev, "bin", name), name} {
		if path, err := exec.LookPath(candidate); err == nil {
			return path
		}
	}
	t.Fatalf("%s is neither in %s nor on the PATH; install it with: deploy/dev/dev install %s", name, filepath.Join(dev, "bin"), part)
	return ""
}

func run(t *testing.T, program string, args ...string) {
	t.Helper()
	out, err := exec.Command(program, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", filepath.Base(program), strings.Join(args, " "), err, out)
	}
}

func parse(t *testing.T, path string, into any) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}
