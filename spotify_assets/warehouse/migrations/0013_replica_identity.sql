-- Where somebody publishes all tables (logical replication, change data capture), PostgreSQL deletes rows of a table only
-- if it knows how to tell them apart; this one has no key, and the load of every day deletes from it.
alter table ops.quarantine replica identity full;
