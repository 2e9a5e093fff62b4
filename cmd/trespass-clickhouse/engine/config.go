//go:build linux && amd64

package engine

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"path/filepath"
	"strings"
)

// serverConfig is the server configuration. It is always passed: without it the library
// silently takes a config.xml of the working directory, the home directory or /etc.
const serverConfig = `<?xml version="1.0"?>
<!-- Written by trespass-clickhouse at every start; changes are lost. -->
<clickhouse>
    <path>{{path}}</path>
    <user_files_path>{{scratch}}</user_files_path>
    <format_schema_path>{{scratch}}</format_schema_path>
    <users_config>{{users}}</users_config>
    <max_server_memory_usage>{{memory}}</max_server_memory_usage>
    <mark_cache_size>67108864</mark_cache_size>
    <uncompressed_cache_size>0</uncompressed_cache_size>
    <logger><level>none</level></logger>
</clickhouse>
`

// usersConfig gives the engine's only user the rights on one database and the tables
// that describe it, and none on files, URLs, other databases or the server itself.
// Dictionaries are left out because their sources read files and URLs by themselves.
// There is no password here: it is asked for by the HTTP listener, the only way in.
const usersConfig = `<?xml version="1.0"?>
<!-- Written by trespass-clickhouse at every start; changes are lost. -->
<clickhouse>
    <profiles>
        <default>
            <async_insert>0</async_insert>
        </default>
    </profiles>
    <quotas><default></default></quotas>
    <users>
        <default>
            <password></password>
            <profile>default</profile>
            <quota>default</quota>
            <networks><ip>::1</ip><ip>127.0.0.1</ip></networks>
            <grants>
                <query>GRANT {{rights}} ON {{database}}.*</query>
                <query>GRANT SELECT ON system.*</query>
                <query>GRANT SELECT ON information_schema.*</query>
                <query>GRANT SELECT ON INFORMATION_SCHEMA.*</query>
                <query>GRANT CREATE TEMPORARY TABLE ON *.*</query>
            </grants>
        </default>
    </users>
</clickhouse>
`

// databaseRights is what a client may do inside the database.
const databaseRights = "SELECT, INSERT, ALTER, CREATE DATABASE, CREATE TABLE, CREATE VIEW, DROP TABLE, DROP VIEW, TRUNCATE, OPTIMIZE, SHOW, " +
	"SYSTEM MERGES, SYSTEM TTL MERGES, SYSTEM VIEWS"

// writeConfig writes both files with mode 0600 and returns the path of the first.
func writeConfig(dir, database string, memoryBytes int64) (string, error) {
	config, users := filepath.Join(dir, configFile), filepath.Join(dir, usersFile)
	server := fill(serverConfig, map[string]string{
		"path":    filepath.Join(dir, storeDir) + "/",
		"scratch": filepath.Join(dir, scratchDir) + "/",
		"users":   users,
		"memory":  fmt.Sprint(memoryBytes),
	})
	if err := writeFile(config, []byte(server)); err != nil {
		return "", fmt.Errorf("writing the engine's configuration: %w", err)
	}
	rights := fill(usersConfig, map[string]string{"rights": databaseRights, "database": QuoteName(database)})
	if err := writeFile(users, []byte(rights)); err != nil {
		return "", fmt.Errorf("writing the engine's users: %w", err)
	}
	return config, nil
}

// fill replaces {{name}} by values, escaped for XML text.
func fill(template string, values map[string]string) string {
	pairs := make([]string, 0, 2*len(values))
	for name, value := range values {
		var escaped bytes.Buffer
		// A bytes.Buffer never fails.
		_ = xml.EscapeText(&escaped, []byte(value))
		pairs = append(pairs, "{{"+name+"}}", escaped.String())
	}
	return strings.NewReplacer(pairs...).Replace(template)
}
