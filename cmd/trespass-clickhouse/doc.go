// Command trespass-clickhouse is a ClickHouse for one machine: it loads the ClickHouse
// engine as a library, opens one data directory and answers ClickHouse's HTTP interface
// on loopback. trespass starts it as a child for the address embedded:DIR; it can as
// well be started by hand, for curl, Grafana or any other client:
//
//	trespass-clickhouse --data DIR --listen 127.0.0.1:8123
//	curl -u "default:$(cat DIR/password)" http://127.0.0.1:8123/ -d 'SHOW TABLES'
//
// Where the kernel has Landlock the program starts itself again in a sandbox with rights
// on its data directory and nothing else: SQL reaches further than the engine's
// permissions say. INSERT data is limited to 256 MB per request.
//
// It is a program of its own because the engine can end the process it runs in. It is
// one account on one database; readers with different rights, replicas and a query log
// need a ClickHouse server.
//
// Exit codes: 0 stopped as asked, 2 could not do its work, 64 wrong flags, 78 wrong
// configuration (directory, library, machine).
package main
