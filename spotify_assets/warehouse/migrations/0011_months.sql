-- The partition of a month is made by a function that acts for the tables' owner, so that whoever loads rows need not own
-- the tables.
create function ops.ensure_month(loaded_table text, day date) returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    leaf text := loaded_table || to_char(day, '_YYYY_MM');
    begins date := date_trunc('month', day);
    key_index regclass;
begin
    -- Processes that need the same month at once wait for each other.
    perform pg_advisory_xact_lock(hashtextextended('spotify_assets month of snapshots.' || loaded_table, 0));
    if exists (
        select from pg_class
        where relnamespace = 'snapshots'::regnamespace and relname = leaf and relispartition
    ) then
        return;
    end if;
    -- Made alone and then attached, which blocks neither readers of the table nor loads of other months.
    execute format('create table snapshots.%I (like snapshots.%I including all)', leaf, loaded_table);
    -- Replacing a day puts a second entry beside each old one, which splits a full page and has PostgreSQL search it for
    -- dead entries first; on a million rows, the room saves a quarter of the replacement's time.
    for key_index in
        select indexrelid from pg_index where indrelid = format('snapshots.%I', leaf)::regclass and indisprimary
    loop
        execute format('alter index %s set (fillfactor = 70)', key_index);
    end loop;
    execute format(
        'alter table snapshots.%I attach partition snapshots.%I for values from (%L) to (%L)',
        loaded_table, leaf, begins, begins + interval '1 month'
    );
end
$$;
revoke execute on function ops.ensure_month (text, date) from public;
comment on function ops.ensure_month (text, date) is
'Makes sure that the partition of a loaded table for the month of a day exists.';
