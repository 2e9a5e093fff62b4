-- What people read: views that fold copies. Nobody reads the tables themselves.

CREATE OR REPLACE VIEW {db}.findings_v {on_cluster} AS
SELECT * FROM {db}.findings FINAL;

CREATE OR REPLACE VIEW {db}.reads_v {on_cluster} AS
SELECT * FROM {db}.reads FINAL;

CREATE OR REPLACE VIEW {db}.reads_by_owner_v {on_cluster} AS
SELECT * FROM {db}.reads_by_owner FINAL;

CREATE OR REPLACE VIEW {db}.quarantine_v {on_cluster} AS
SELECT * FROM {db}.quarantine FINAL;

CREATE OR REPLACE VIEW {db}.facts_v {on_cluster} AS
SELECT * FROM {db}.facts FINAL;
