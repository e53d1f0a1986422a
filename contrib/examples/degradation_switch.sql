-- SPDX-License-Identifier: MIT
-- degradation_switch: the table in which <SwitchStore "postgresql"> stores the
-- switches. Run this file as the owner of the database, with your own roles:
--     psql -v agent=collectd -v readers=trading -f degradation_switch.sql trading
\set ON_ERROR_STOP on
\if :{?agent}
\else
  \set agent collectd
\endif
\if :{?readers}
\else
  \set readers PUBLIC
\endif
BEGIN;

CREATE TABLE IF NOT EXISTS degradation_switch (
  name       text PRIMARY KEY,
  is_on      boolean NOT NULL,
  value      jsonb NOT NULL,     -- who, response, rule, state, since, until
  who        text NOT NULL,      -- host of the collectd that set it
  response   text NOT NULL,
  since      timestamptz NOT NULL,
  expires_at timestamptz         -- NULL: never
);

COMMENT ON TABLE degradation_switch IS
  'Switches of collectd''s plugin resource_alert. Applications read degradation_switches_on.';

-- Applications read this view first, and then LISTEN degradation for changes. An
-- expired switch is off, because the collectd that set it may be dead.
CREATE OR REPLACE VIEW degradation_switches_on AS
  SELECT name, value, since, expires_at FROM degradation_switch
  WHERE is_on AND (expires_at IS NULL OR expires_at > now());

GRANT SELECT, INSERT, UPDATE ON degradation_switch TO :agent;
GRANT SELECT ON degradation_switches_on TO :readers;
COMMIT;
