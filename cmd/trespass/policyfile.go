package main

import (
	"fmt"
	"os"

	"trespass.dev/trespass/cmd/trespass/config"
	"trespass.dev/trespass/cmd/trespass/service"
	"trespass.dev/trespass/ingest"
	"trespass.dev/trespass/ingest/app"
	"trespass.dev/trespass/ingest/policy"
)

// loadRules reads the policy of a configuration.
func loadRules(c *config.Config) (*service.Rules, error) {
	return rulesFrom(c.Path(c.Policy), c.Formats)
}

// rulesFrom reads a policy file. The error shows every fault with its line.
func rulesFrom(path string, formats config.Formats) (*service.Rules, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the policy: %w", err)
	}
	return rulesOf(path, text, formats)
}

// rulesOf reads a policy's text.
func rulesOf(name string, text []byte, formats config.Formats) (*service.Rules, error) {
	file, err := policy.Parse(name, text)
	if err != nil {
		return nil, err
	}
	mapping, err := fieldMapping(file.Fields)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	in := ingest.Config{Mapping: mapping, TimeZone: formats.TimeZone, LinePrefix: formats.LogLinePrefix}
	if err := in.Validate(); err != nil {
		return nil, fmt.Errorf("formats: %w", err)
	}
	return &service.Rules{Policy: file.Detect, Ingest: in}, nil
}

// fieldMapping turns the policy's fields into the mapping of the decoder: a preset
// with what the policy says in place of its own.
func fieldMapping(f policy.FieldMapping) (app.Mapping, error) {
	var m app.Mapping
	preset := f.Preset
	if preset == "" && len(f.Paths) == 0 {
		preset = "pino"
	}
	if preset != "" {
		p, ok := app.Preset(preset)
		if !ok {
			return nil, fmt.Errorf("fields.preset %q: there are %v", preset, app.Presets())
		}
		m = p
	}
	m = m.With(app.Mapping(f.Paths))
	return m, m.Validate()
}
