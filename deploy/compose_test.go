package deploy_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"trespass.dev/trespass/cmd/trespass/config"
)

// compose is what these tests read of docker-compose.yml. Durations and sizes stay text:
// whether they are given is the question here.
type compose struct {
	Services map[string]service
	Volumes  map[string]any
	Secrets  map[string]struct{ File string }
}

type service struct {
	Image string
	Build *struct {
		Context    string
		Dockerfile string
	}
	User        string
	Command     []string
	Restart     string
	ReadOnly    bool     `yaml:"read_only"`
	CapDrop     []string `yaml:"cap_drop"`
	SecurityOpt []string `yaml:"security_opt"`
	Environment map[string]string
	Ports       []string
	Volumes     []string
	Secrets     []string
	DependsOn   map[string]struct{ Condition string } `yaml:"depends_on"`
	Healthcheck *struct {
		Test     []string
		Interval string
		Timeout  string
	}
	CPUs     float64 `yaml:"cpus"`
	MemLimit string  `yaml:"mem_limit"`
	PidLimit int     `yaml:"pids_limit"`
}

// oneShot are the services that do one thing and end: they are not restarted and have no health.
var oneShot = []string{"topics"}

func TestComposeHasTheParts(t *testing.T) {
	services := readCompose(t).Services
	for _, name := range []string{"kafka", "topics", "clickhouse", "trespass", "prometheus", "alertmanager"} {
		if _, ok := services[name]; !ok {
			t.Errorf("docker-compose.yml has no service %s", name)
		}
	}
}

func TestComposeServices(t *testing.T) {
	file := readCompose(t)
	for name, s := range file.Services {
		t.Run(name, func(t *testing.T) {
			for _, wrong := range s.complaints(slices.Contains(oneShot, name)) {
				t.Error(wrong)
			}
			for _, mount := range s.Volumes {
				source, _, _ := strings.Cut(mount, ":")
				if strings.HasPrefix(source, ".") {
					exists(t, source)
					if !strings.HasSuffix(mount, ":ro") {
						t.Errorf("%s is mounted writable", mount)
					}
				} else if _, ok := file.Volumes[source]; !ok {
					t.Errorf("%s: no volume is called %s", mount, source)
				}
			}
			for _, secret := range s.Secrets {
				if _, ok := file.Secrets[secret]; !ok {
					t.Errorf("no secret is called %s", secret)
				}
			}
			for dependency, want := range s.DependsOn {
				if _, ok := file.Services[dependency]; !ok {
					t.Errorf("depends on %s, which is no service", dependency)
				}
				wanted := "service_healthy"
				if slices.Contains(oneShot, dependency) {
					wanted = "service_completed_successfully"
				}
				if want.Condition != wanted {
					t.Errorf("waits for %s until %q, want %s", dependency, want.Condition, wanted)
				}
			}
			if s.Build != nil {
				exists(t, s.Build.Context)
				exists(t, filepath.Join(s.Build.Context, s.Build.Dockerfile))
			}
		})
	}
}

// secrets.sh makes every secret file that docker-compose.yml names, and leaves those alone that are there.
func TestSecretsAreMade(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "secrets")
	run(t, "./secrets.sh", folder)
	made := map[string]string{}
	for name, secret := range readCompose(t).Secrets {
		if filepath.Dir(secret.File) != filepath.Clean("deploy/secrets") {
			t.Errorf("secret %s lies in %s, want deploy/secrets, which git ignores", name, secret.File)
		}
		text, err := os.ReadFile(filepath.Join(folder, filepath.Base(secret.File)))
		if err != nil {
			t.Errorf("secret %s: %v", name, err)
			continue
		}
		if len(text) < 24 || strings.TrimSpace(string(text)) != string(text) {
			t.Errorf("secret %s has %d bytes, want at least 24 and no blank at the ends", name, len(text))
		}
		made[secret.File] = string(text)
	}
	run(t, "./secrets.sh", folder)
	for file, before := range made {
		after, err := os.ReadFile(filepath.Join(folder, filepath.Base(file)))
		if err != nil {
			t.Fatal(err)
		}
		if string(after) != before {
			t.Errorf("%s was made anew by a second call", file)
		}
	}
	ignored, err := os.ReadFile("../.gitignore")
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(strings.Split(string(ignored), "\n"), "/deploy/secrets/") {
		t.Error(".gitignore does not name /deploy/secrets/")
	}
}

// What trespass is given in docker-compose.yml fits the services beside it.
func TestComposeConfigurationOfTrespass(t *testing.T) {
	c, err := config.Load("compose/trespass.yaml")
	if err != nil {
		t.Fatal(err)
	}
	services := readCompose(t).Services
	for _, broker := range c.Kafka.Brokers {
		host, _, _ := strings.Cut(broker, ":")
		if _, ok := services[host]; !ok {
			t.Errorf("broker %s is no service of docker-compose.yml", broker)
		}
	}
	made := strings.Join(services["topics"].Command, "\n")
	for _, topic := range slices.Concat(c.Kafka.Topics.App, c.Kafka.Topics.Audit, c.Kafka.Topics.Edge, c.Kafka.Topics.Facts) {
		if !regexp.MustCompile(`for topic in [^;]*\b` + regexp.QuoteMeta(topic) + `\b`).MatchString(made) {
			t.Errorf("topic %s is not among those that the service topics makes:\n%s", topic, made)
		}
	}
	if secret, ok := strings.CutPrefix(c.Sink.PasswordFile, "/run/secrets/"); !ok || !slices.Contains(services["trespass"].Secrets, secret) {
		t.Errorf("the password file is %q, which is no secret of the service trespass", c.Sink.PasswordFile)
	}
}

func TestComposeComplaints(t *testing.T) {
	good := readCompose(t).Services["clickhouse"]
	if wrong := good.complaints(false); len(wrong) > 0 {
		t.Fatalf("clickhouse, the starting point of these cases, is not in order: %q", wrong)
	}
	for _, test := range []struct {
		name  string
		spoil func(*service)
		want  string
	}{
		{"no tag", func(s *service) { s.Image = "clickhouse/clickhouse-server" }, "image clickhouse/clickhouse-server is not pinned to a version"},
		{"moving tag", func(s *service) { s.Image = "prom/prometheus:latest" }, "image prom/prometheus:latest is not pinned to a version"},
		{"branch tag", func(s *service) { s.Image = "clickhouse/clickhouse-server:26" }, "image clickhouse/clickhouse-server:26 is not pinned to a version"},
		{"port on all addresses", func(s *service) { s.Ports = []string{"8123:8123"} }, "port 8123:8123 is not bound to 127.0.0.1"},
		{"no restart", func(s *service) { s.Restart = "" }, `restart is ""`},
		{"no health check", func(s *service) { s.Healthcheck = nil }, "no health check, or one without interval or timeout"},
		{"no memory limit", func(s *service) { s.MemLimit = "" }, "no limit of CPU, memory or processes"},
		{"as root", func(s *service) { s.User = "0:0" }, `runs as user "0:0"`},
		{"writable", func(s *service) { s.ReadOnly = false }, "its file system is writable, or it keeps rights it does not need"},
		{"password in the open", func(s *service) { s.Environment = map[string]string{"CLICKHOUSE_PASSWORD": "x"} }, "CLICKHOUSE_PASSWORD belongs into a secret file"},
	} {
		t.Run(test.name, func(t *testing.T) {
			spoiled := good
			test.spoil(&spoiled)
			if wrong := spoiled.complaints(false); !slices.Equal(wrong, []string{test.want}) {
				t.Errorf("complaints are %q, want only %q", wrong, test.want)
			}
		})
	}
}

// pinned is a tag that names one release: three numbers at least.
var pinned = regexp.MustCompile(`:v?\d+\.\d+\.\d+[^/]*$`)

// complaints says what is not in order about a service by itself.
func (s service) complaints(oneShot bool) []string {
	var wrong []string
	if s.Build == nil && !pinned.MatchString(s.Image) {
		wrong = append(wrong, "image "+s.Image+" is not pinned to a version")
	}
	for _, port := range s.Ports {
		if !strings.HasPrefix(port, "127.0.0.1:") {
			wrong = append(wrong, "port "+port+" is not bound to 127.0.0.1")
		}
	}
	wantRestart := "unless-stopped"
	if oneShot {
		wantRestart = "no"
	}
	if s.Restart != wantRestart {
		wrong = append(wrong, `restart is "`+s.Restart+`"`)
	}
	if !oneShot && (s.Healthcheck == nil || len(s.Healthcheck.Test) < 2 || s.Healthcheck.Interval == "" || s.Healthcheck.Timeout == "") {
		wrong = append(wrong, "no health check, or one without interval or timeout")
	}
	if s.CPUs == 0 || s.MemLimit == "" || s.PidLimit == 0 {
		wrong = append(wrong, "no limit of CPU, memory or processes")
	}
	if user, _, _ := strings.Cut(s.User, ":"); user == "" || user == "0" || user == "root" {
		wrong = append(wrong, `runs as user "`+s.User+`"`)
	}
	if !s.ReadOnly || !slices.Contains(s.CapDrop, "ALL") || !slices.Contains(s.SecurityOpt, "no-new-privileges:true") {
		wrong = append(wrong, "its file system is writable, or it keeps rights it does not need")
	}
	for name := range s.Environment {
		if strings.HasSuffix(name, "PASSWORD") || strings.HasSuffix(name, "TOKEN") || strings.HasSuffix(name, "SECRET") {
			wrong = append(wrong, name+" belongs into a secret file")
		}
	}
	return wrong
}

func readCompose(t *testing.T) compose {
	t.Helper()
	var file compose
	parse(t, "../docker-compose.yml", &file)
	return file
}

// exists checks a path as docker-compose.yml writes it, from the top of the repository.
func exists(t *testing.T, path string) {
	t.Helper()
	if _, err := os.Stat(filepath.Join("..", path)); errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s does not exist", path)
	} else if err != nil {
		t.Error(err)
	}
}
