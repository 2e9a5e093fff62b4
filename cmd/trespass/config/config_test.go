package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestSampleConfig loads the shipped sample: it must be right, and hold the defaults.
func TestSampleConfig(t *testing.T) {
	c, err := Load("../../../deploy/trespass.yaml")
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	if c.Windows != want.Windows || c.HTTP != want.HTTP || c.Kafka.Session != want.Kafka.Session || c.Environment != want.Environment {
		t.Errorf("the sample's values are not the defaults: %+v", c)
	}
}

// TestWrongConfig loads files with one fault each; the error says where and what.
func TestWrongConfig(t *testing.T) {
	const good = "policy: p.yaml\nkafka: {brokers: [\"a:1\"], topics: {app: [x]}}\n"
	for name, each := range map[string]struct{ text, want string }{
		"unknown key":    {good + "htp: {}\n", "trespass.yaml:3:1: unknown key \"htp\" (did you mean \"http\"?)\n    2 | kafka: {brokers: [\"a:1\"], topics: {app: [x]}}\n>   3 | htp: {}\n        ^"},
		"two faults":     {"policy: p\nkafka: {brokers: a, grup: x}\n", "2:21: unknown key \"grup\" (did you mean \"group\"?)"},
		"no list":        {"policy: p\nkafka: {brokers: a, grup: x}\n", "2:18: brokers must be a list; write [a]"},
		"empty":          {"", "the file is empty; it needs at least policy and kafka"},
		"a number":       {good + "log: {level: 5}\n", "3:14: level must be a text"},
		"where":          {good + "windows: {join: 30}\n", "trespass.yaml:3:17: join: want a time span"},
		"no unit":        {good + "windows: {join: 30}\n", "such as 30s"},
		"negative":       {good + "windows: {join: -3s}\n", "such as 30s"},
		"no topics":      {"policy: p\nkafka: {brokers: [\"a:1\"]}\n", "kafka.topics"},
		"no brokers":     {"policy: p\nkafka: {topics: {app: [x]}}\n", "kafka.brokers"},
		"plain in clear": {good[:len(good)-2] + ", sasl: {mechanism: PLAIN, user: u}}\n", "SCRAM-SHA-512"},
		"log format":     {good + "log: {format: xml}\n", "log.format"},
		"not yaml":       {"policy: [", ""},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "trespass.yaml")
			if err := os.WriteFile(path, []byte(each.text), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := Load(path)
			if err == nil || !strings.Contains(err.Error(), each.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("error %v, want the path and %q", err, each.want)
			}
		})
	}
}

// TestSecrets come from a file, else from the environment, and lose their line end.
func TestSecrets(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "secret"), []byte("hunter2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := Default()
	c.dir = dir
	t.Setenv("TRESPASS_TEST_PASSWORD", "from the environment")
	if got, err := c.Secret("secret", "TRESPASS_TEST_PASSWORD"); err != nil || got != "hunter2" {
		t.Errorf("file: %q, %v", got, err)
	}
	if got, err := c.Secret("", "TRESPASS_TEST_PASSWORD"); err != nil || got != "from the environment" {
		t.Errorf("environment: %q, %v", got, err)
	}
	if _, err := c.Secret("nowhere", "TRESPASS_TEST_PASSWORD"); err == nil {
		t.Error("a missing file gave no error")
	}
	if got := time.Duration(c.Windows.Join); got != 30*time.Second {
		t.Errorf("join window %v", got)
	}
}
