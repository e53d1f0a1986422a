-- SPDX-License-Identifier: MIT
-- degradation_switch: where <SwitchStore "postgresql"> keeps its switches.
-- Run it as the owner of the database; give the roles your own names:
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
  who        text NOT NULL,      -- the host whose collectd has set it
  response   text NOT NULL,
  since      timestamptz NOT NULL,
  expires_at timestamptz         -- NULL: never
);

COMMENT ON TABLE degradation_switch IS
  'Switches of collectd''s plugin resource_alert. Readers ask degradation_switches_on.';

-- What a reader asks: first this view, then LISTEN degradation for changes. A
-- switch that has expired is off, for the agent that has set it may be dead.
CREATE OR REPLACE VIEW degradation_switches_on AS
  SELECT name, value, since, expires_at FROM degradation_switch
  WHERE is_on AND (expires_at IS NULL OR expires_at > now());

GRANT SELECT, INSERT, UPDATE ON degradation_switch TO :agent;
GRANT SELECT ON degradation_switches_on TO :readers;
COMMIT;
